# SPDX-License-Identifier: Apache-2.0
"""A destination that is full: beforehand, in the middle of a copy, and while
nothing answers any more; once there is room the next execution repairs."""

from __future__ import annotations

import pytest

from tests.functional.test_faults import change, check_clean, replica
from tests.functional.world import MIB, World, notes, task, told, wait_until

ROOM = 1 << 40
FULL = 'The memory cloud is full: make room and execute again.'


def resize(world: World, capacity: int) -> None:
    world.destination.call('test_resize', capacity=capacity)


def used(world: World) -> int:
    found: int = world.destination.call('ping')['used']
    return found


def test_too_little_room_for_new_volumes(world: World) -> None:
    name = world.machine('vm', 2 * MIB, MIB)
    transfer = world.transfer(name)
    resize(world, 2 * MIB)
    found = world.client.transfers.preflight(transfer)
    assert not found.passed
    [one] = [f for f in found.findings if f['severity'] == 'error']
    assert one['meaning'] == '"vm" needs 3.0 MiB, 2.0 MiB are free.'
    world.run(transfer, 'ERROR')
    assert world.destination.left() == {}


def test_volumes_that_are_there_are_not_counted_again(world: World) -> None:
    name, transfer = replica(world)
    resize(world, used(world))
    found = world.client.transfers.preflight(transfer)
    assert found.passed, found
    change(world, name)
    world.run(transfer)
    check_clean(world, transfer, name)


def test_a_volume_that_is_gone_is_counted(world: World) -> None:
    _, transfer = replica(world)
    resize(world, used(world) - 1)
    first = world.destination.left()['volumes'][0]
    for point in world.destination.left()['volume_snapshots']:
        world.destination.call('drop_volume_snapshot', id=point)
    world.destination.call('drop_volume', id=first)
    assert not world.client.transfers.preflight(transfer).passed
    resize(world, ROOM)


def test_no_room_in_the_middle_of_a_copy(world: World) -> None:
    name, transfer = replica(world)
    world.fill(name, 0, 0, 2 * MIB)
    world.destination.call('test_delay', call='write', seconds=1)
    execution = world.start(transfer)
    executions = world.client.executions.of(transfer)
    wait_until(
        lambda: any('delta' in n for n in notes(executions.get(execution))),
        'begin of the copy',
    )
    resize(world, MIB)
    done = world.ended(transfer, execution)
    failed = task(done, 'REPLICATE_DISKS')
    assert failed['exception_details'] == FULL, told(done)
    assert failed['attempt'] == 1
    world.destination.call('test_calm')
    resize(world, ROOM)
    world.run(transfer)
    check_clean(world, transfer, name)


def test_a_worker_machine_that_hangs_for_want_of_room(world: World) -> None:
    """The write is never answered: the cause is asked for."""
    name, transfer = replica(world)
    world.fill(name, 0, 0, 2 * MIB)
    world.destination.call('test_delay', call='write', seconds=50)
    execution = world.start(transfer)
    executions = world.client.executions.of(transfer)
    wait_until(
        lambda: any('delta' in n for n in notes(executions.get(execution))),
        'begin of the copy',
    )
    resize(world, MIB)
    done = world.ended(transfer, execution)
    failed = task(done, 'REPLICATE_DISKS')
    assert failed['exception_details'] == FULL, told(done)
    world.destination.call('test_calm')
    resize(world, ROOM)
    world.run(transfer)
    check_clean(world, transfer, name)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ('call', 'message'),
    [
        ('drop_machine', 'The worker machine is gone.'),
        ('stop_machine', 'The worker machine is off.'),
    ],
)
def test_a_worker_machine_that_somebody_stopped(
    world: World, call: str, message: str
) -> None:
    name, transfer = replica(world)
    world.fill(name, 0, 0, 2 * MIB)
    world.destination.call('test_delay', call='write', seconds=50)
    execution = world.start(transfer)
    [worker] = wait_until(
        lambda: world.destination.left().get('machines'), 'a worker machine'
    )
    which = 'id' if call == 'drop_machine' else 'name'
    world.destination.call(call, **{which: worker})
    done = world.ended(transfer, execution)
    failed = task(done, 'REPLICATE_DISKS')
    assert failed['exception_details'] == message, told(done)
    world.destination.call('test_calm')
    world.run(transfer)
    check_clean(world, transfer, name)
