# SPDX-License-Identifier: Apache-2.0
"""Which block devices are the guest's, and what is on them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

from coriolis_ng import errors
from coriolis_ng.morphing.guest import FileSystem
from coriolis_ng.morphing.root import Root, Worker, run_on

# virtio-blk tells no more of a serial number.
SERIAL_LENGTH = 20
APPEAR_SECONDS = 15


def find_disks(worker: Worker, wanted: Sequence[str]) -> tuple[str, ...]:
    """The device paths of ``wanted`` (serials or paths), in that order.

    Waits a little for disks that were attached just now. Raises
    ``NotFound``, or ``Conflict`` when the worker has one of them in use.
    """
    if not wanted:
        raise errors.InvalidInput('No disks to look at were given.')
    for attempt in range(APPEAR_SECONDS):
        known = _block_devices(worker)
        found = [_find(name, known, worker) for name in wanted]
        if None not in found or attempt == APPEAR_SECONDS - 1:
            break
        time.sleep(1)
    missing = [n for n, f in zip(wanted, found, strict=True) if f is None]
    if missing:
        raise errors.NotFound(
            f'The worker machine does not see the disk {missing[0]}.',
            detail=json.dumps(known),
        )
    disks = [one for one in found if one is not None]
    for disk in disks:
        used = [p for p in _mountpoints(disk) if p]
        if used:
            raise errors.Conflict(
                f'The disk {disk["path"]} is in use by the worker machine '
                f'itself ({used[0]}).'
            )
    return tuple(str(disk['path']) for disk in disks)


def file_systems(worker: Worker, disks: Sequence[str]) -> list[FileSystem]:
    """Everything with a signature on the disks, in boot order.

    A kernel that did not read the partition table itself is told by partx.
    """
    run_on(
        worker,
        ['sh', '-c', 'for d; do partx -u "$d"; done', 'partx', *disks],
        check=False,
    )
    parts: list[tuple[int, str]] = []
    for number, disk in enumerate(disks):
        parts.append((number, disk))
        parts.extend((number, path) for path in _partitions(worker, disk))
    probed = probe(worker, [path for _, path in parts])
    made = []
    for number, path in parts:
        fields = probed.get(path, {})
        if 'TYPE' in fields:
            made.append(_file_system(path, number, fields))
    return sorted(made, key=lambda one: (one.disk, one.partition))


def _partitions(worker: Worker, disk: str) -> Iterator[str]:
    """What sysfs has below a disk: lsblk sorts as it likes, and shows the
    partitions of some devices as devices of their own."""
    here = Root(worker, '/')
    name = disk.removeprefix('/dev/')
    folder = f'/sys/class/block/{name}'
    for child in here.list(folder):
        if child.startswith(name) and here.exists(
            f'{folder}/{child}/partition'
        ):
            yield f'/dev/{child}'


def probe(worker: Worker, devices: Sequence[str]) -> dict[str, dict[str, str]]:
    """device -> what blkid reads from it now, not what udev remembers."""
    # Status 2: nothing on one of them; 8: ambivalent, and not shown.
    ran = run_on(
        worker, ['blkid', '-p', '-o', 'export', *devices], check=False
    )
    made: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in ran.stdout.splitlines():
        name, found, value = line.partition('=')
        if name == 'DEVNAME':
            fields = made.setdefault(value, {})
        elif found:
            fields[name] = re.sub(r'\\(.)', r'\1', value)
    return made


def _file_system(path: str, disk: int, fields: dict[str, str]) -> FileSystem:
    return FileSystem(
        device=path,
        disk=disk,
        partition=int(fields.get('PART_ENTRY_NUMBER', '0')),
        type=fields['TYPE'],
        uuid=fields.get('UUID', ''),
        label=fields.get('LABEL', ''),
        partuuid=fields.get('PART_ENTRY_UUID', ''),
        part_type=fields.get('PART_ENTRY_TYPE', ''),
    )


def _block_devices(worker: Worker) -> list[dict[str, Any]]:
    ran = run_on(
        worker,
        ['lsblk', '-J', '-b', '-o', 'PATH,SERIAL,TYPE,MOUNTPOINT'],
    )
    return list(json.loads(ran.stdout)['blockdevices'])


def _find(
    name: str, known: list[dict[str, Any]], worker: Worker
) -> dict[str, Any] | None:
    if name.startswith('/dev/'):
        ran = run_on(worker, ['readlink', '-f', name], check=False)
        path = ran.stdout.strip() or name
        return next((d for d in known if d['path'] == path), None)
    for disk in known:
        serial = (disk.get('serial') or '').strip()
        if serial and serial in (name, name[:SERIAL_LENGTH]):
            return disk
    return None


def _mountpoints(device: dict[str, Any]) -> Iterator[str | None]:
    yield device.get('mountpoint')
    for child in device.get('children', ()):
        yield from _mountpoints(child)
