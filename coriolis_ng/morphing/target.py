# SPDX-License-Identifier: Apache-2.0
"""What a guest is adapted to: the machine that its disks will boot in."""

from __future__ import annotations

import enum

from coriolis_ng.objects import Value
from coriolis_ng.objects.vm import Firmware, Nic


class Phase(enum.StrEnum):
    """When a user's script runs; the wire words of the known API."""

    PRE_MOUNT = 'osmorphing_pre_os_mount'
    POST_MOUNT = 'osmorphing_post_os_mount'
    FIRST_BOOT = 'replica_first_boot'


class UserScript(Value):
    """A script of the user; it may hold secrets, so it is never shown."""

    payload: str
    phase: Phase = Phase.POST_MOUNT

    def __repr__(self) -> str:
        return f'UserScript(phase={self.phase.value}, ***)'


class Target(Value):
    """The new machine, as far as the guest must know it.

    ``disk_bus`` is ``virtio``, ``scsi`` (virtio-scsi), ``sata``, ``ide`` or
    ``nvme``. ``console`` is the serial device that the kernel also writes
    to, empty for none. ``install_cloud_init`` installs it only when a
    package source answers within ``probe_seconds``; ``package_source``
    answers that question in advance. ``datasources`` are what cloud-init
    looks at. ``keep_tools`` are tools of other hypervisors that stay.
    """

    hypervisor: str = 'kvm'
    disk_bus: str = 'virtio'
    firmware: Firmware = Firmware.BIOS
    nics: tuple[Nic, ...] = ()
    set_dhcp: bool = True
    console: str = 'ttyS0'
    install_cloud_init: bool = True
    package_source: bool | None = None
    probe_seconds: float = 3.0
    datasources: tuple[str, ...] = ('NoCloud', 'None')
    force_initrd: bool = False
    keep_tools: tuple[str, ...] = ()
    user_scripts: tuple[UserScript, ...] = ()

    def scripts(self, phase: Phase) -> tuple[UserScript, ...]:
        """The user's scripts of one phase, in their order."""
        return tuple(
            script for script in self.user_scripts if script.phase == phase
        )


DISK_DRIVERS = {
    'virtio': ('virtio_pci', 'virtio_blk'),
    'scsi': ('virtio_pci', 'virtio_scsi', 'sd_mod'),
    'sata': ('ahci', 'sd_mod'),
    'ide': ('ata_piix', 'sd_mod'),
    'nvme': ('nvme',),
}
"""The drivers that a kernel needs before it can see its root disk."""
