# SPDX-License-Identifier: Apache-2.0
"""The EFI system partition of a guest whose fstab does not mount it."""

from __future__ import annotations

from collections.abc import Sequence

from coriolis_ng.morphing.guest import FileSystem
from coriolis_ng.morphing.mounts.file_systems import Mounts
from coriolis_ng.morphing.root import Root

# UEFI specification 2.10, 5.3.3, and its number in an MBR.
ESP_TYPES = ('c12a7328-f81f-11d2-ba4b-00a0c93ec93b', '0xef')
WHERE = '/boot/efi'


def mount(mounts: Mounts, root: Root, found: Sequence[FileSystem]) -> None:
    """Mount it on /boot/efi when that folder is there and empty."""
    if root.kind(WHERE) != 'dir' or root.list(WHERE):
        return
    for one in found:
        if one.type == 'vfat' and one.part_type.lower() in ESP_TYPES:
            mounts.mount_inside(root, one, WHERE)
            return
