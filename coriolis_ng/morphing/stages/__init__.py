# SPDX-License-Identifier: Apache-2.0
"""The changes made to a guest, in the order in which they are made."""

from coriolis_ng.morphing.stages.base import Note, Stage
from coriolis_ng.morphing.stages.bootloader import Extlinux, Grub
from coriolis_ng.morphing.stages.cloud_init import CloudInit
from coriolis_ng.morphing.stages.efi_fallback import EfiFallback
from coriolis_ng.morphing.stages.first_boot import FirstBoot
from coriolis_ng.morphing.stages.fstab import Fstab
from coriolis_ng.morphing.stages.initrd import Initrd
from coriolis_ng.morphing.stages.network_dhcp import NetworkDhcp
from coriolis_ng.morphing.stages.remove_tools import RemoveTools
from coriolis_ng.morphing.stages.user_scripts import UserScripts

# What is removed or installed may rebuild initrds and bootloader files, so
# these come after it.
STAGES: tuple[type[Stage], ...] = (
    UserScripts,
    RemoveTools,
    NetworkDhcp,
    CloudInit,
    FirstBoot,
    Fstab,
    Initrd,
    Grub,
    Extlinux,
    EfiFallback,
)

__all__ = ['STAGES', 'Note', 'Stage']
