# SPDX-License-Identifier: Apache-2.0
"""Snapshot of a machine that is off: its files, read by ``qemu-nbd``.

The new checkpoint is a bitmap that ``qemu-img`` adds to each qcow2 file, and
a note that libvirt is given by redefinition, so that a later delta of the
running machine starts from it. While the files are served the lock of qcow2
ones keeps the machine from being started. That of raw ones does not, so it is
looked whether it was: see :func:`check`.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

import libvirt

from coriolis_ng.objects.vm import Disk
from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import checkpoints, nbdserver, qcow2
from coriolis_ng.providers.kvm.connection import told
from coriolis_ng.providers.kvm.sources import Address, Names


def begin(
    domain: libvirt.virDomain,
    names: Names,
    tag: str,
    disks: Sequence[Disk],
    reasons: dict[str, str],
    since: str,
) -> dict[str, pathlib.Path]:
    """Makes the checkpoint and serves all disks; gives their sockets."""
    name = checkpoints.PREFIX + names.short
    for disk in disks:
        if not disk.tracked:
            continue
        found = qcow2.bitmaps(disk.path)
        if not reasons[disk.id] and not found.get(since, False):
            reasons[disk.id] = checkpoints.BROKEN
        if name not in found:
            qcow2.qemu_img('bitmap', '--add', disk.path, name)
    if any(disk.tracked for disk in disks):
        with told('making the checkpoint'):
            domain.checkpointCreateXML(
                checkpoints.description(name, tag, disks, redefine=True),
                libvirt.VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE,
            )
    sockets = {}
    for disk in disks:
        socket = names.folder / f'{disk.id}.sock'
        nbdserver.start(
            disk.path,
            disk.format,
            socket,
            export=disk.id,
            bitmap=None if reasons[disk.id] else since,
        )
        sockets[disk.id] = socket
    return sockets


def written(path: str) -> int:
    """When a file was last written to, in ns; 0 for none, or a device."""
    try:
        return os.stat(path).st_mtime_ns if os.path.isfile(path) else 0
    except OSError:
        return 0


def check(domain: libvirt.virDomain, address: Address) -> None:
    """Raises ``Conflict`` for a machine that did not stay off.

    One that was started and stopped meanwhile shows in its files.
    """
    with told('looking whether the machine is off'):
        active = domain.isActive()
    changed = any(
        served.written and written(served.path) != served.written
        for served in address.disks.values()
    )
    if active or changed:
        raise errors.Conflict(
            'The machine was started during the copy, so that it is of no '
            'use. The next execution starts from the last recovery point.'
            if active
            else 'A disk was written to during the copy: the machine was '
            'started during the copy, or another program did it.'
        )


def end(names: Names) -> None:
    """Ends all servers of a snapshot."""
    for socket in names.folder.glob('*.sock'):
        nbdserver.stop(socket)
    for pidfile in names.folder.glob('*.pid'):
        nbdserver.stop(pidfile.with_suffix('.sock'))
