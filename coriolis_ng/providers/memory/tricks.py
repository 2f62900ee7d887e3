# SPDX-License-Identifier: Apache-2.0
"""What a guest or an operator does behind our back, and planted faults.

Tests ask for these calls; a provider never does.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from coriolis_ng.providers.memory.calls import blocks_of, find_disk, offered
from coriolis_ng.providers.memory.store import (
    ZEROS,
    Blocks,
    Disk,
    Machine,
    Store,
)


@offered
def test_make_machine(
    store: Store,
    name: str,
    disks: list[dict[str, Any]],
    cpus: int = 1,
    memory: int = 512 << 20,
    nics: list[dict[str, Any]] | None = None,
    agent: bool = True,
    power: str = 'on',
) -> str:
    """A machine that was there before us: it has no tag."""
    id = f'm-{len(store.machines) + 1}'
    store.machines[id] = Machine(
        id,
        name,
        cpus,
        memory,
        [
            Disk(d['id'], Blocks(d['size']), d.get('tracked', True))
            for d in disks
        ],
        nics or [],
        power,
        agent,
    )
    return id


@offered
def test_write(
    store: Store, machine: str, disk: str, offset: int, payload: str
) -> None:
    """The guest writes (base64)."""
    blocks = find_disk(store.machine(machine), disk).blocks
    blocks.write(offset, base64.b64decode(payload), store.tick())


@offered
def test_zero(
    store: Store, machine: str, disk: str, offset: int, length: int
) -> None:
    """The guest discards."""
    blocks = find_disk(store.machine(machine), disk).blocks
    blocks.zero(offset, length, store.tick())


@offered
def test_change_disk(
    store: Store,
    machine: str,
    disk: str,
    size: int | None = None,
    forget_checkpoints: bool = False,
) -> None:
    """An operator grows a disk, or tracking is lost."""
    changed = find_disk(store.machine(machine), disk)
    if size is not None:
        changed.blocks.size = size
    if forget_checkpoints:
        changed.checkpoints.clear()


@offered
def test_fail(
    store: Store,
    call: str,
    error: str = 'Unreachable',
    message: str = 'a planted fault',
    skip: int = 0,
    count: int = 1,
) -> None:
    """The call (or ``read``, ``write``) fails ``count`` times after
    ``skip`` good ones, with a class of ``coriolis_ng.errors``."""
    store.faults.append(
        {
            'call': call,
            'error': error,
            'message': message,
            'skip': skip,
            'count': count,
        }
    )


@offered
def test_delay(store: Store, call: str, seconds: float) -> None:
    """Every such call takes that much longer."""
    store.delays[call] = seconds


@offered
def test_slow_stop(store: Store, machine: str, seconds: float) -> None:
    """The guest shuts down that long after it was asked, from now on."""
    store.machine(machine).stop_seconds = seconds


@offered
def test_resize(store: Store, capacity: int) -> None:
    """Somebody else takes room, or makes some: below what the volumes have
    nothing can be written."""
    store.capacity = capacity


@offered
def test_faults(store: Store) -> list[dict[str, Any]]:
    """The planted faults that nothing has met yet."""
    return store.faults


@offered
def test_calm(store: Store) -> None:
    """No faults and no delays any more."""
    store.faults.clear()
    store.delays.clear()


@offered
def test_content(
    store: Store, kind: str, id: str, disk: str = ''
) -> dict[str, Any]:
    """A disk's size, and a digest of the blocks that are not zero; ``kind``
    is as of ``calls.blocks_of``. Quick where a disk is large and empty."""
    blocks = blocks_of(store, kind, id, {'disk': disk})
    found = hashlib.sha256()
    for number, data in sorted(blocks.data.items()):
        if data != ZEROS:
            found.update(b'%d ' % number + data)
    return {'size': blocks.size, 'sha256': found.hexdigest()}


@offered
def test_counts(store: Store) -> dict[str, Any]:
    """What is there, for a test that wants to see nothing left."""
    return {
        'machines': sorted(m.id for m in store.machines.values() if m.tag),
        'snapshots': sorted(store.snapshots),
        'volumes': sorted(store.volumes),
        'volume_snapshots': sorted(store.volume_snapshots),
        'checkpoints': sorted(
            {
                c
                for m in store.machines.values()
                for d in m.disks
                for c in d.checkpoints
            }
        ),
    }
