# SPDX-License-Identifier: Apache-2.0
"""btrfs: the root may be in a subvolume that is not the default one."""

from __future__ import annotations

from coriolis_ng.morphing.guest import FileSystem

SUBVOLUMES = ('@', '@rootfs', 'root', '@/.snapshots/1/snapshot')


def options(one: FileSystem) -> tuple[tuple[str, ...], ...]:
    """The sets of mount options to try, the default subvolume first."""
    if one.type != 'btrfs':
        return ((),)
    return ((), *((f'subvol={name}',) for name in SUBVOLUMES))
