# SPDX-License-Identifier: Apache-2.0
"""Logical volumes: activated for the time of the morphing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from coriolis_ng import errors
from coriolis_ng.morphing.guest import FileSystem
from coriolis_ng.morphing.mounts import partitions
from coriolis_ng.morphing.root import Worker, run_on


@contextlib.contextmanager
def active(
    worker: Worker,
    found: Sequence[FileSystem],
    note: Callable[[str], None],
) -> Iterator[list[FileSystem]]:
    """The file systems on logical volumes of the guest's disks.

    Only these disks are shown to LVM, so volume groups of the worker with
    the same name do not matter. Gives nothing where there is no LVM.
    """
    members = [one.device for one in found if one.type == 'LVM2_member']
    if not members:
        yield []
        return
    shown = ['--config', _only(members)]
    ran = run_on(worker, ['vgchange', '-ay', *shown], check=False)
    if ran.status != 0:
        note('Logical volumes cannot be activated on the worker machine.')
        yield []
        return
    try:
        yield _file_systems(worker, shown)
    finally:
        with contextlib.suppress(errors.Unreachable, errors.Canceled):
            run_on(worker, ['vgchange', '-an', *shown], check=False)


def _only(members: Sequence[str]) -> str:
    allowed = ','.join(f'"a|^{device}$|"' for device in members)
    return (
        f'devices {{ filter=[{allowed},"r|.*|"] '
        f'global_filter=[{allowed},"r|.*|"] use_devicesfile=0 }}'
    )


def _file_systems(worker: Worker, shown: list[str]) -> list[FileSystem]:
    ran = run_on(worker, ['lvs', '--noheadings', '-o', 'lv_dm_path', *shown])
    devices = ran.stdout.split()
    probed = partitions.probe(worker, devices)
    return [
        FileSystem(
            device=device,
            disk=-1,
            type=probed[device]['TYPE'],
            uuid=probed[device].get('UUID', ''),
            label=probed[device].get('LABEL', ''),
        )
        for device in devices
        if 'TYPE' in probed.get(device, {})
    ]
