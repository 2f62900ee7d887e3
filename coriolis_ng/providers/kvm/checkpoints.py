# SPDX-License-Identifier: Apache-2.0
"""Marks on a source from which changes are told: libvirt's checkpoints.

A checkpoint is a persistent bitmap of its name in each qcow2 file and a note
of libvirt's. Each bitmap records on its own from its creation on, so one may
go at any time without the others being touched. The note's description
keeps what libvirt does not: our tag, and how big the disks were.
"""

from __future__ import annotations

import contextlib
import time
import xml.etree.ElementTree as ET  # noqa: S405  # we write it
from collections.abc import Sequence

import libvirt
import msgspec

from coriolis_ng.objects import Value
from coriolis_ng.objects.vm import Disk
from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import domainxml, qcow2
from coriolis_ng.providers.kvm.connection import code_of, parse, told

PREFIX = 'coriolis-'
# Why a disk is copied in full although it was copied before.
BROKEN = 'the record of changes is damaged on the source'


class Mark(Value):
    """The description of a checkpoint of ours; ``sizes`` in bytes."""

    tag: str = ''
    sizes: dict[str, int] = {}


def name_of(tag: str) -> str:
    """The name of the checkpoint that the task of that tag makes."""
    return PREFIX + domainxml.short(tag)


def id_of(domain: libvirt.virDomain, name: str) -> str:
    """What the ledger calls it: the machine's UUID and the name."""
    return f'{domain.UUIDString()}/{name}'


def split(id: str) -> tuple[str, str]:
    """(machine's UUID, name) of an id."""
    uuid, _, name = id.partition('/')
    return uuid, name


def description(
    name: str, tag: str, disks: Sequence[Disk], *, redefine: bool = False
) -> str:
    """The XML of a new checkpoint of the tracked among ``disks``."""
    root = ET.Element('domaincheckpoint')
    ET.SubElement(root, 'name').text = name
    mark = Mark(tag=tag, sizes={d.id: d.size for d in disks if d.tracked})
    ET.SubElement(root, 'description').text = msgspec.json.encode(
        mark
    ).decode()
    if redefine:
        # libvirt takes the time only of a checkpoint that it did not make.
        ET.SubElement(root, 'creationTime').text = str(int(time.time()))
    listed = ET.SubElement(root, 'disks')
    for disk in disks:
        attributes = {'name': disk.id, 'checkpoint': 'no'}
        if disk.tracked:
            attributes['checkpoint'] = 'bitmap'
            if redefine:
                attributes['bitmap'] = name
        ET.SubElement(listed, 'disk', attributes)
    return ET.tostring(root, encoding='unicode')


def find(
    domain: libvirt.virDomain, name: str
) -> libvirt.virDomainCheckpoint | None:
    """The checkpoint of that name; None when there is none."""
    try:
        return domain.checkpointLookupByName(name)
    except libvirt.libvirtError as error:
        if code_of(error) == libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT:
            return None
        with told(f'checkpoint {name}'):
            raise


def mark_of(checkpoint: libvirt.virDomainCheckpoint) -> Mark:
    """What we wrote into it; an empty mark for somebody else's."""
    with told('reading a checkpoint'):
        text = parse(
            checkpoint.getXMLDesc(libvirt.VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN)
        ).findtext('description', '')
    try:
        return msgspec.json.decode(text, type=Mark)
    except msgspec.DecodeError:
        return Mark()


def ours(domain: libvirt.virDomain) -> dict[str, Mark]:
    """All checkpoints of ours on a machine."""
    found = {}
    with contextlib.suppress(libvirt.libvirtError):
        for checkpoint in domain.listAllCheckpoints():
            if checkpoint.getName().startswith(PREFIX):
                found[checkpoint.getName()] = mark_of(checkpoint)
    return found


def why_full(
    domain: libvirt.virDomain, since: str | None, disks: Sequence[Disk]
) -> dict[str, str]:
    """For each disk why a delta since that checkpoint is impossible; ''
    where it is possible, as far as can be told beforehand."""
    if since is None:
        return {d.id: d.untracked_reason or 'first copy' for d in disks}
    uuid, name = split(since)
    found = find(domain, name) if uuid == domain.UUIDString() else None
    if found is None:
        lost = 'the checkpoint of the last copy is lost on the source'
        return {d.id: d.untracked_reason or lost for d in disks}
    sizes = mark_of(found).sizes
    return {d.id: d.untracked_reason or _changed(d, sizes) for d in disks}


def _changed(disk: Disk, sizes: dict[str, int]) -> str:
    before = sizes.get(disk.id)
    if before is None:
        return 'the disk is new since the last copy'
    if before != disk.size:
        return f'the disk was resized from {before} to {disk.size} bytes'
    return ''


def drop(domain: libvirt.virDomain, name: str, disks: Sequence[Disk]) -> None:
    """Removes bitmaps and note; silent about what is not there."""
    if not name.startswith(PREFIX):
        raise errors.Conflict(f'The checkpoint {name} is not ours.')
    found = find(domain, name)
    if domain.isActive():
        if found is not None:
            _drop_running(found)
        return
    for disk in disks:
        if disk.tracked and qcow2.find_header(disk.path):
            remove_bitmap(disk.path, name)
    if found is not None:
        with told(f'deleting checkpoint {name}'):
            found.delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)


def _drop_running(found: libvirt.virDomainCheckpoint) -> None:
    try:
        found.delete()
    except libvirt.libvirtError as error:
        if not _is_broken(error):
            with told('deleting a checkpoint'):
                raise
        # QEMU died, and its bitmaps with it: only the note is left.
        with told('deleting a broken checkpoint'):
            found.delete(libvirt.VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY)


def _is_broken(error: libvirt.libvirtError) -> bool:
    """libvirt 9 calls a missing bitmap an internal error."""
    if code_of(error) == libvirt.VIR_ERR_CHECKPOINT_INCONSISTENT:
        return True
    text = error.get_error_message() or ''
    return code_of(error) == libvirt.VIR_ERR_INTERNAL_ERROR and (
        'bitmap' in text.lower()
    )


def remove_bitmap(path: str, name: str) -> None:
    """Takes a bitmap out of a file that nobody has open."""
    if name in qcow2.bitmaps(path):
        qcow2.qemu_img('bitmap', '--remove', path, name)
