# SPDX-License-Identifier: Apache-2.0
"""What the memory cloud can be asked to do, one function for each call.

A call that a provider does not use stands in ``tricks``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from coriolis_ng import errors
from coriolis_ng.providers.memory.store import (
    FULL,
    Blocks,
    Disk,
    Machine,
    Snapshot,
    Store,
    Volume,
    VolumeSnapshot,
)

CALLS: dict[str, Callable[..., Any]] = {}


def call(store: Store, name: str, given: dict[str, Any]) -> Any:
    """Runs a call under the lock."""
    if name not in CALLS:
        raise errors.NotFound(f'There is no call {name}.')
    with store.lock:
        return CALLS[name](store, **given)


def offered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function be called by its name."""
    CALLS[function.__name__] = function
    return function


def meddle(store: Store, name: str) -> None:
    """Raises a fault that a test planted for this call."""
    with store.lock:
        for fault in store.faults:
            if fault['call'] == name:
                if fault['skip'] > 0:
                    fault['skip'] -= 1
                    return
                fault['count'] -= 1
                if fault['count'] <= 0:
                    store.faults.remove(fault)
                kind = getattr(errors, fault['error'])
                raise kind(fault['message'])


def blocks_of(
    store: Store, kind: str, id: str, query: dict[str, str]
) -> Blocks:
    """The content behind a data address."""
    if kind == 'volume':
        return store.volume(id).blocks
    if kind == 'volume_snapshot':
        return store.volume_snapshot(id).blocks
    if kind == 'machine':
        return find_disk(store.machine(id), query['disk']).blocks
    return store.snapshot(id).disks[query['disk']]


def write(
    store: Store,
    id: str,
    offset: int,
    payload: bytes,
    machine: str,
    attempt: int,
) -> None:
    """Writes a volume through a machine that has it; an older attempt than
    the newest that the machine has seen is refused."""
    with store.lock:
        volume = _fenced(store, id, machine, attempt)
        if store.used() > store.capacity:
            raise errors.QuotaExceeded(FULL)
        volume.blocks.write(offset, payload, store.tick())
        store.log.add(
            'write',
            'volume',
            id,
            offset=offset,
            length=len(payload),
            machine=machine,
            attempt=attempt,
        )


def _fenced(store: Store, id: str, machine: str, attempt: int) -> Volume:
    """Attempts are counted within a task, so each machine counts anew; who
    was left over from a task before has no machine any more. Clients of
    the release before name no machine."""
    if not machine:
        return store.volume(id)
    holder = store.machines.get(machine)
    if holder is None:
        raise errors.NotFound('The worker machine is gone.')
    if holder.power != 'on':
        raise errors.Conflict('The worker machine is off.')
    try:
        disk = find_disk(holder, id)
    except errors.NotFound as error:
        raise errors.Stale(error.message) from None
    if attempt < disk.newest_attempt:
        raise errors.Stale(f'Attempt {attempt} was given up.')
    disk.newest_attempt = attempt
    return store.volume(id)


@offered
def ping(store: Store) -> dict[str, Any]:
    """Bytes that fit in, and bytes that are taken."""
    return {'capacity': store.capacity, 'used': store.used()}


@offered
def zero(
    store: Store,
    id: str,
    offset: int,
    length: int,
    attempt: int,
    machine: str = '',
) -> None:
    """Zeroes a range of a volume; an older attempt is ``Stale``."""
    volume = _fenced(store, id, machine, attempt)
    volume.blocks.zero(offset, length, store.tick())
    store.log.add(
        'zero',
        'volume',
        id,
        offset=offset,
        length=length,
        machine=machine,
        attempt=attempt,
    )


@offered
def list_machines(store: Store) -> list[dict[str, Any]]:
    """All machines, by name."""
    found = sorted(store.machines.values(), key=lambda m: m.name)
    return [_described(machine) for machine in found]


@offered
def get_machine(store: Store, name: str) -> dict[str, Any]:
    """A machine by id or name; ``NotFound``."""
    return _described(store.machine(name))


def _described(machine: Machine) -> dict[str, Any]:
    return {
        'id': machine.id,
        'name': machine.name,
        'cpus': machine.cpus,
        'memory': machine.memory,
        'power': machine.power,
        'agent': machine.agent,
        'tag': machine.tag,
        'nics': machine.nics,
        'disks': [
            {'id': d.id, 'size': d.blocks.size, 'tracked': d.tracked}
            for d in machine.disks
        ],
    }


def find_disk(machine: Machine, id: str) -> Disk:
    """``NotFound`` when the machine has no such disk."""
    for disk in machine.disks:
        if disk.id == id:
            return disk
    raise errors.NotFound(f'"{machine.name}" has no disk {id}.')


@offered
def stop_machine(store: Store, name: str, pull: bool = False) -> None:
    """Off at once, but for a guest that takes its time (``ask`` in the
    log); ``pull`` does not wait for that one either."""
    machine = store.machine(name)
    if not machine.stop_seconds or pull or machine.power == 'off':
        store.switch_off(machine)
    elif machine.off_at is None:
        machine.off_at = time.time() + machine.stop_seconds
        store.log.add('ask', 'machine', machine.id)


@offered
def start_machine(store: Store, name: str) -> None:
    """On at once; silent when it is on. A guest that is about to go off
    goes off all the same."""
    machine = store.machine(name)
    machine.power = 'on'
    store.log.add('start', 'machine', machine.id)


@offered
def make_snapshot(
    store: Store, id: str, machine: str, checkpoint: str, tag: str
) -> dict[str, Any]:
    """A snapshot of all disks with a checkpoint in the same instant."""
    owner = store.machine(machine)
    if id not in store.snapshots:
        mark = store.tick()
        for disk in owner.disks:
            if disk.tracked:
                disk.checkpoints[checkpoint] = mark
        store.snapshots[id] = Snapshot(
            id,
            owner.id,
            tag,
            {d.id: d.blocks.copy() for d in owner.disks},
            {d.id: dict(d.checkpoints) for d in owner.disks},
        )
        store.log.add('create', 'snapshot', id, tag=tag)
        store.log.add('create', 'checkpoint', checkpoint, tag=tag)
    taken = store.snapshots[id]
    return {
        'consistent': owner.agent and owner.power == 'on',
        'disks': [
            {'id': d, 'size': b.size, 'checkpoints': list(taken.marks[d])}
            for d, b in taken.disks.items()
        ],
    }


@offered
def extents(
    store: Store,
    kind: str,
    id: str,
    disk: str = '',
    since: str | None = None,
) -> dict[str, Any]:
    """(start, length, kind) of a disk; ``Conflict`` for a checkpoint that the
    snapshot does not know."""
    blocks = blocks_of(store, kind, id, {'disk': disk})
    mark = None
    if since is not None:
        marks = store.snapshot(id).marks[disk]
        if since not in marks:
            raise errors.Conflict(f'There is no checkpoint {since}.')
        mark = marks[since]
    return {'size': blocks.size, 'extents': blocks.extents(mark)}


@offered
def drop_snapshot(store: Store, id: str) -> None:
    """Silent when it is gone."""
    if store.snapshots.pop(id, None):
        store.log.add('delete', 'snapshot', id)


@offered
def drop_checkpoint(store: Store, id: str) -> None:
    """Forgets it on all disks; silent when it is gone."""
    gone = False
    for machine in store.machines.values():
        for disk in machine.disks:
            gone |= disk.checkpoints.pop(id, None) is not None
    if gone:
        store.log.add('delete', 'checkpoint', id)


@offered
def make_volume(store: Store, id: str, size: int, tag: str) -> dict[str, Any]:
    """Creates, or grows what is there; answers whether it is new."""
    volume = store.volumes.get(id)
    if volume is not None:
        volume.blocks.size = max(volume.blocks.size, size)
        return {'fresh': False, 'size': volume.blocks.size}
    if store.used() + size > store.capacity:
        raise errors.QuotaExceeded(
            f'{size} bytes do not fit: {store.capacity - store.used()} of '
            f'{store.capacity} are free.'
        )
    store.volumes[id] = Volume(id, Blocks(size), tag)
    store.log.add('create', 'volume', id, tag=tag, size=size)
    return {'fresh': True, 'size': size}


@offered
def list_volumes(store: Store) -> list[dict[str, Any]]:
    """Id, size in bytes and tag of each."""
    return [
        {'id': v.id, 'size': v.blocks.size, 'tag': v.tag}
        for v in store.volumes.values()
    ]


@offered
def drop_volume(store: Store, id: str) -> None:
    """Silent when it is gone; ``Conflict`` while it is in use or has
    snapshots."""
    for machine in store.machines.values():
        if any(d.id == id for d in machine.disks) and machine.tag:
            raise errors.Conflict(f'{id} is in use by {machine.name}.')
    if any(s.volume == id for s in store.volume_snapshots.values()):
        raise errors.Conflict(f'Volume {id} has snapshots.')
    if store.volumes.pop(id, None):
        store.log.add('delete', 'volume', id)


@offered
def make_volume_snapshot(
    store: Store, id: str, volume: str, tag: str
) -> dict[str, Any]:
    """Keeps the content of a volume; one that is there stays."""
    if id not in store.volume_snapshots:
        blocks = store.volume(volume).blocks.copy()
        store.volume_snapshots[id] = VolumeSnapshot(id, volume, blocks, tag)
        store.log.add('create', 'volume_snapshot', id, tag=tag)
    return {'size': store.volume_snapshots[id].blocks.size}


@offered
def drop_volume_snapshot(store: Store, id: str) -> None:
    """Silent when it is gone; ``Conflict`` while it has clones."""
    clones = [v.id for v in store.volumes.values() if v.clone_of == id]
    if clones:
        raise errors.Conflict(
            f'The snapshot {id} has live clones: {", ".join(clones)}.'
        )
    if store.volume_snapshots.pop(id, None):
        store.log.add('delete', 'volume_snapshot', id)


@offered
def clone_volume(
    store: Store, id: str, snapshot: str, tag: str
) -> dict[str, Any]:
    """A volume with a snapshot's content; one that is there stays."""
    if id not in store.volumes:
        blocks = store.volume_snapshot(snapshot).blocks.copy()
        store.volumes[id] = Volume(id, blocks, tag, clone_of=snapshot)
        store.log.add('create', 'volume', id, tag=tag, size=blocks.size)
    return {'size': store.volume(id).blocks.size}


@offered
def restore_volume(store: Store, id: str, snapshot: str) -> None:
    """Gives a volume a snapshot's content again."""
    store.volume(id).blocks = store.volume_snapshot(snapshot).blocks.copy()
    store.log.add('write', 'volume', id, restored=snapshot)


@offered
def make_machine(
    store: Store,
    id: str,
    name: str,
    cpus: int,
    memory: int,
    volumes: list[str],
    nics: list[dict[str, Any]],
    tag: str,
) -> None:
    """Made and on; ``Conflict`` for a name that is taken."""
    if id in store.machines:
        return
    if any(m.name == name for m in store.machines.values()):
        raise errors.Conflict(f'There already is a machine "{name}".')
    disks = [Disk(v, store.volume(v).blocks) for v in volumes]
    store.machines[id] = Machine(id, name, cpus, memory, disks, nics, tag=tag)
    store.log.add('create', 'machine', id, tag=tag)


@offered
def drop_machine(store: Store, id: str) -> None:
    """Silent when it is gone; ``Conflict`` for one that has no tag of ours."""
    machine = store.machines.get(id)
    if machine is None:
        return
    if not machine.tag:
        raise errors.Conflict(f'"{machine.name}" was not made by us.')
    del store.machines[id]
    store.log.add('delete', 'machine', id)


@offered
def list_tagged(store: Store, tag: str) -> list[dict[str, str]]:
    """Kind, id and tag of what has a tag that begins so."""
    kinds = (
        ('vm', store.machines),
        ('snapshot', store.snapshots),
        ('volume', store.volumes),
        ('volume_snapshot', store.volume_snapshots),
    )
    return [
        {'kind': kind, 'id': thing.id, 'tag': thing.tag}
        for kind, things in kinds
        for thing in things.values()
        if thing.tag.startswith(tag) and thing.tag
    ]
