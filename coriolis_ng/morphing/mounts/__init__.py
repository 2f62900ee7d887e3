# SPDX-License-Identifier: Apache-2.0
"""Mounts a guest's file systems on the worker as the guest has them.

Everything is a context manager, entered in order and left in reverse. On
the worker all of it happens in a mount namespace that ends with the
connection, so even a lost worker process leaves nothing mounted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from coriolis_ng import errors
from coriolis_ng.morphing.guest import FileSystem
from coriolis_ng.morphing.mounts import (
    binds,
    btrfs,
    efi,
    file_systems,
    luks,
    lvm,
    partitions,
)
from coriolis_ng.morphing.root import Root, Worker, run_on
from coriolis_ng.objects import Value

Note = Callable[[str], None]


class Mounted(Value):
    """What is mounted: the root file system and all that were found."""

    root: FileSystem
    file_systems: tuple[FileSystem, ...]


@contextlib.contextmanager
def mounted(
    worker: Worker, disks: Sequence[str], note: Note
) -> Iterator[tuple[Root, Mounted]]:
    """Mount the guest on ``disks``, ready for commands inside it.

    ``disks`` are serials or device paths in boot order; no other disk is
    looked at. Raises ``NotFound`` for a missing disk, ``Conflict`` for one
    that the worker uses itself, ``Unsupported`` when there is no root file
    system we can mount.
    """
    with contextlib.ExitStack() as stack:
        devices = partitions.find_disks(worker, disks)
        found = partitions.file_systems(worker, devices)
        found += stack.enter_context(lvm.active(worker, found, note))
        top = stack.enter_context(_folder(worker))
        mounts = file_systems.Mounts(worker, top, note)
        stack.callback(mounts.close)
        root_fs = _root(mounts, found)
        note(f'The root file system is {root_fs.device} ({root_fs.type}).')
        root = Root(worker, top)
        known = Mounted(root=root_fs, file_systems=tuple(found))
        mounts.by_fstab(root, root_fs, found)
        efi.mount(mounts, root, found)
        binds.mount(mounts, root)
        yield root, known


def _root(
    mounts: file_systems.Mounts, found: Sequence[FileSystem]
) -> FileSystem:
    for one in found:
        if one.type not in file_systems.KNOWN:
            continue
        for options in btrfs.options(one):
            if not mounts.try_root(one, options):
                continue
            return one
    seen = ', '.join(f'{one.device}: {one.type}' for one in found)
    raise errors.Unsupported(
        luks.why(found)
        or 'None of the disks holds the root file system of a Linux we know.',
        detail=f'found {seen or "no file system"}',
    )


@contextlib.contextmanager
def _folder(worker: Worker) -> Iterator[str]:
    top = str(worker.call('folder', None))
    try:
        yield top
    finally:
        # Never rm -r: what is still mounted there is the guest.
        with contextlib.suppress(errors.CoriolisError):
            run_on(worker, ['rmdir', top], check=False)
