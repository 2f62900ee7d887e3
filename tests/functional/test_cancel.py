# SPDX-License-Identifier: Apache-2.0
"""Executions are stopped in the middle of a copy, kindly and not."""

from __future__ import annotations

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import MIB, World, task, told, wait_until

DISK = 16 * MIB


def cancelled_copy(
    world: World, transfer: str, disk: int, *, force: bool
) -> None:
    """Starts a copy that would take long, and cancels it under way."""
    begin = len(world.destination.log())
    world.source.call('test_delay', call='read', seconds=2)
    execution = world.start(transfer)
    wait_until(lambda: world.written(begin) > 0, 'a first write')
    world.client.executions.cancel(transfer, execution, force=force)
    done = world.ended(transfer, execution)
    world.source.call('test_calm')
    assert done['status'] == 'CANCELED', told(done)
    assert task(done, 'REPLICATE_DISKS')['status'] == 'CANCELED'
    assert task(done, 'CREATE_RECOVERY_POINT')['status'] != 'COMPLETED'
    assert 0 < world.written(begin) < disk
    with pytest.raises(ApiError) as caught:
        world.client.executions.cancel(transfer, execution)
    assert caught.value.status == 409


@pytest.mark.parametrize('force', [False, True], ids=['graceful', 'forced'])
def test_the_first_copy_is_cancelled(world: World, force: bool) -> None:
    name = world.machine('first', DISK)
    world.fill(name, 0, 0, DISK)
    transfer = world.transfer(name)
    cancelled_copy(world, transfer, DISK, force=force)
    assert world.points(transfer) == []
    # Only the volume, which the next copy goes on with.
    assert world.source.left() == {}
    assert world.destination.left().keys() == {'volumes'}

    # What was copied before is not there any more: it must go there too.
    world.source.call(
        'test_zero', machine=name, disk='disk0', offset=0, length=DISK // 2
    )
    world.run(transfer)
    [point] = world.points(transfer)
    assert point['mode'] == 'full'
    world.check_same(point, name)


@pytest.mark.parametrize('force', [False, True], ids=['graceful', 'forced'])
def test_a_delta_is_cancelled(world: World, force: bool) -> None:
    name = world.machine('later', DISK)
    transfer = world.transfer(name)
    world.run(transfer)
    [first] = world.points(transfer)
    world.fill(name, 0, 4 * MIB, 8 * MIB)
    cancelled_copy(world, transfer, 8 * MIB, force=force)
    assert world.points(transfer) == [first]
    assert len(world.source.left()['checkpoints']) == 1
    assert world.destination.left().keys() == {'volumes', 'volume_snapshots'}

    # The torn volume is repaired by the next delta.
    world.fill(name, 0, 2 * MIB, MIB)
    world.run(transfer)
    point = world.points(transfer)[0]
    assert point['mode'] == 'delta'
    assert point['bytes_changed'] == 9 * MIB
    world.check_same(point, name)


def test_a_busy_transfer_says_so(world: World) -> None:
    name = world.machine('busy', DISK)
    world.fill(name, 0, 0, DISK)
    transfer = world.transfer(name)
    world.source.call('test_delay', call='read', seconds=1)
    execution = world.start(transfer)
    for refused in (
        lambda: world.start(transfer),
        lambda: world.client.transfers.delete(transfer),
        lambda: world.client.transfers.delete_disks(transfer),
        lambda: world.client.transfers.update(transfer, notes='x'),
    ):
        with pytest.raises(ApiError) as caught:
            refused()
        assert caught.value.status == 409
        assert execution in caught.value.message
    world.source.call('test_calm')
    assert world.ended(transfer, execution)['status'] == 'COMPLETED'
    world.client.transfers.update(transfer, notes='x')
    assert world.client.transfers.get(transfer)['notes'] == 'x'
