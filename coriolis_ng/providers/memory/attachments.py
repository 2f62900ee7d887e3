# SPDX-License-Identifier: Apache-2.0
"""Calls of the memory cloud that put volumes on machines and take them off."""

from __future__ import annotations

from coriolis_ng import errors
from coriolis_ng.providers.memory.calls import offered
from coriolis_ng.providers.memory.store import Disk, Store


@offered
def attach_volumes(store: Store, id: str, volumes: list[str]) -> None:
    """The machine has these volumes and no others; ``Conflict`` where
    another machine of ours has one of them."""
    machine = store.machine(id)
    for other in store.machines.values():
        taken = {disk.id for disk in other.disks} & set(volumes)
        if taken and other.id != machine.id and other.tag:
            raise errors.Conflict(
                f'{sorted(taken)[0]} is in use by {other.name}.'
            )
    machine.disks = [Disk(v, store.volume(v).blocks) for v in volumes]
    store.log.add('attach', 'machine', machine.id, volumes=volumes)


@offered
def detach_volumes(store: Store, id: str) -> None:
    """Takes all volumes off a machine; silent when it is gone."""
    machine = store.machines.get(id)
    if machine is not None and machine.disks:
        machine.disks = []
        store.log.add('detach', 'machine', id)
