# SPDX-License-Identifier: Apache-2.0
"""Snapshot of a running machine: QEMU's backup job, in pull mode.

``virDomainBackupBegin`` makes the new checkpoint and freezes the view in one
step; QEMU then serves each disk over NBD on a unix socket and keeps what the
guest overwrites in scratch files. The format is that of
https://libvirt.org/formatbackup.html.
"""

from __future__ import annotations

import os
import pathlib
import re
import time
import xml.etree.ElementTree as ET  # noqa: S405  # we write it
from collections.abc import Mapping, Sequence

import libvirt

from coriolis_ng.objects.vm import Disk
from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import checkpoints, domainxml
from coriolis_ng.providers.kvm.connection import code_of, parse, told
from coriolis_ng.providers.kvm.sources import Names

BITMAP = 'changed'
# A backup of ours that nobody reads for so long has lost its worker.
STALE_SECONDS = 900
_END_SECONDS = 30
_NO_JOB = {
    libvirt.VIR_ERR_NO_DOMAIN_BACKUP,
    libvirt.VIR_ERR_OPERATION_INVALID,
}


def description(
    names: Names, disks: Sequence[Disk], reasons: Mapping[str, str], since: str
) -> str:
    """The job's XML: a delta for each disk without a reason for a full
    copy, ``since`` the checkpoint of that name."""
    root = ET.Element('domainbackup', {'mode': 'pull'})
    ET.SubElement(
        root, 'server', {'transport': 'unix', 'socket': str(names.socket)}
    )
    listed = ET.SubElement(root, 'disks')
    for disk in disks:
        attributes = {
            'name': disk.id,
            'backup': 'yes',
            'type': 'file',
            'exportname': disk.id,
            'backupmode': 'full',
        }
        if not reasons[disk.id]:
            attributes['backupmode'] = 'incremental'
            attributes['incremental'] = since
            attributes['exportbitmap'] = f'{BITMAP}-{disk.id}'
        element = ET.SubElement(listed, 'disk', attributes)
        scratch = names.folder / f'{disk.id}.scratch'
        ET.SubElement(element, 'scratch', {'file': str(scratch)})
    return ET.tostring(root, encoding='unicode')


def prepare(names: Names, domain: libvirt.virDomain) -> None:
    """A directory that only we and the machine's QEMU may enter."""
    owner = domainxml.owner(parse(domain.XMLDesc()))
    names.make_folder(owner if os.getuid() == 0 else None)


def begin(
    domain: libvirt.virDomain,
    names: Names,
    tag: str,
    disks: Sequence[Disk],
    reasons: dict[str, str],
    since: str,
) -> None:
    """Starts the job. A disk whose bitmap turns out to be broken gets a
    reason in ``reasons`` and is copied in full."""
    mark = None
    if any(disk.tracked for disk in disks):
        mark = checkpoints.description(
            checkpoints.PREFIX + names.short, tag, disks
        )
    for _ in range(len(disks) + 1):
        job = description(names, disks, reasons, since)
        try:
            domain.backupBegin(job, mark, 0)
            return
        except libvirt.libvirtError as error:
            broken = _broken(error, reasons)
            if not broken:
                with told('starting the backup'):
                    raise
            for disk_id in broken:
                reasons[disk_id] = checkpoints.BROKEN


def _broken(
    error: libvirt.libvirtError, reasons: Mapping[str, str]
) -> list[str]:
    """The disks that libvirt names as broken: all of a delta when it names
    none."""
    if code_of(error) != libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT:
        return []
    deltas = [disk_id for disk_id, reason in reasons.items() if not reason]
    named = set(re.findall(r"'([^']+)'", error.get_error_message() or ''))
    return [disk_id for disk_id in deltas if disk_id in named] or deltas


def job_socket(domain: libvirt.virDomain) -> str | None:
    """Where the machine's backup job serves; None when there is no job."""
    try:
        root = parse(domain.backupGetXMLDesc())
    except libvirt.libvirtError as error:
        if code_of(error) in _NO_JOB:
            return None
        with told('looking for a backup job'):
            raise
    server = root.find('server')
    return '' if server is None else server.get('socket', '')


def end(domain: libvirt.virDomain, names: Names) -> None:
    """Ends our job if it still is the one; silent when it is not."""
    if job_socket(domain) == str(names.socket):
        _abort(domain)


def _abort(domain: libvirt.virDomain) -> None:
    """Returns when the job is gone, not only when it was asked to go."""
    until = time.monotonic() + _END_SECONDS
    try:
        domain.abortJob()
    except libvirt.libvirtError as error:
        # It ended, or is about to.
        if code_of(error) != libvirt.VIR_ERR_OPERATION_INVALID:
            with told('ending the backup'):
                raise
    while job_socket(domain) is not None:
        if time.monotonic() > until:
            raise errors.Unreachable('The backup on the source does not end.')
        time.sleep(0.02)


def make_room(domain: libvirt.virDomain, names: Names) -> str:
    """Sees to it that no job is in the way; gives a note for the user.

    One of ours that lost its worker is ended, any other is a ``Conflict``.
    """
    socket = job_socket(domain)
    if socket is None:
        return ''
    folder = pathlib.Path(socket).parent
    if not re.fullmatch(r'[0-9a-f]{8}-[0-9a-f]{12}', folder.name):
        raise errors.Conflict(
            'Another program runs a backup of this machine. Execute again '
            'when it has ended.',
            detail=f'backup job at {socket!r}',
        )
    if folder != names.folder and not _is_stale(pathlib.Path(socket)):
        raise errors.Conflict(
            'Another transfer copies this machine at this moment. Execute '
            'again when it has ended.',
            detail=f'backup job at {socket!r}',
        )
    _abort(domain)
    return 'an abandoned backup of an earlier attempt was ended'


def _is_stale(socket: pathlib.Path) -> bool:
    """Old, and nobody is connected."""
    try:
        age = time.time() - socket.stat().st_mtime
        lines = pathlib.Path('/proc/net/unix').read_text().splitlines()
    except OSError:
        return True
    connected = [
        line
        for line in lines
        # The sixth word is the state, 03 is connected.
        if line.endswith(f' {socket}') and line.split()[5] == '03'
    ]
    return age > STALE_SECONDS and not connected
