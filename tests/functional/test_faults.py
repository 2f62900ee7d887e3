# SPDX-License-Identifier: Apache-2.0
"""Every call to both clouds fails once: the execution fails or tries again,
nothing is left, and the next one works."""

from __future__ import annotations

from typing import Any

import pytest

from coriolis_ng.client import ApiError
from tests.beds.memory import MemoryCloud
from tests.functional.world import MIB, RUNNING, World, notes, task, told

# A fault that may pass makes the copy try again; others end it.
LASTING = 'Unsupported'
PASSING = 'Unreachable'

SOURCE = ('get_machine', 'make_snapshot', 'extents', 'read')
DESTINATION = (
    'ping',
    'list_volumes',
    'make_volume',
    'make_machine',
    'write',
    'zero',
    'make_volume_snapshot',
)
COPY = ('extents', 'read', 'write', 'zero')


def cloud_of(world: World, call: str) -> MemoryCloud:
    source = call in (*SOURCE, 'drop_snapshot', 'drop_checkpoint')
    return world.source if source else world.destination


def plant(world: World, call: str, **more: Any) -> None:
    cloud_of(world, call).call('test_fail', call=call, **more)


def check_met(world: World) -> None:
    """A fault that nobody met would prove nothing."""
    assert world.source.call('test_faults') == []
    assert world.destination.call('test_faults') == []


def replica(world: World) -> tuple[str, str]:
    name = world.machine('vm', 2 * MIB, MIB)
    transfer = world.transfer(name, keep_points=2)
    world.run(transfer)
    return name, transfer


def change(world: World, name: str) -> None:
    """Something to write and something to zero."""
    world.fill(name, 0, MIB, MIB)
    world.source.call(
        'test_zero', machine=name, disk='disk1', offset=0, length=MIB // 2
    )


def check_clean(world: World, transfer: str, name: str) -> None:
    """Only what the replica needs, and a newest point that is right."""
    points = world.points(transfer)
    world.check_same(points[0], name)
    assert set(world.source.left()) == {'checkpoints'}
    assert len(world.source.left()['checkpoints']) == 1
    left = world.destination.left()
    assert set(left) == {'volumes', 'volume_snapshots'}
    assert len(left['volumes']) == 2
    assert len(left['volume_snapshots']) == 2 * len(points)


@pytest.mark.parametrize('call', [*SOURCE, *DESTINATION])
def test_a_lasting_fault(world: World, call: str) -> None:
    name, transfer = replica(world)
    change(world, name)
    plant(world, call, error=LASTING)
    done = world.run(transfer, 'ERROR')
    check_met(world)
    failed = [t for t in done['tasks'] if t['status'] == 'ERROR']
    assert [t['exception_details'] for t in failed] == ['a planted fault']
    assert failed[0]['attempt'] == 1
    assert len(world.points(transfer)) == 1
    assert set(world.source.left()) == {'checkpoints'}
    assert len(world.source.left()['checkpoints']) == 1
    assert set(world.destination.left()) == {'volumes', 'volume_snapshots'}

    change(world, name)
    world.run(transfer)
    assert world.points(transfer)[0]['mode'] == 'delta'
    check_clean(world, transfer, name)


@pytest.mark.parametrize('call', [*COPY])
def test_a_passing_fault_of_the_copy(world: World, call: str) -> None:
    name, transfer = replica(world)
    change(world, name)
    plant(world, call, error=PASSING)
    done = world.run(transfer)
    check_met(world)
    assert task(done, 'REPLICATE_DISKS')['attempt'] == 2, told(done)
    assert world.points(transfer)[0]['mode'] == 'delta'
    check_clean(world, transfer, name)


@pytest.mark.parametrize('call', ['read', 'write'])
def test_a_fault_that_never_passes(world: World, call: str) -> None:
    """Attempts that make no progress are not repeated for ever."""
    name, transfer = replica(world)
    change(world, name)
    plant(world, call, error=PASSING, count=1000)
    done = world.run(transfer, 'ERROR')
    copied = task(done, 'REPLICATE_DISKS')
    # Three without any checkpoint; the other disk may have made one.
    assert 3 <= copied['attempt'] <= 6, told(done)
    assert copied['exception_details'] == 'a planted fault'
    assert set(world.destination.left()) == {'volumes', 'volume_snapshots'}
    cloud_of(world, call).call('test_calm')
    world.run(transfer)
    check_clean(world, transfer, name)


@pytest.mark.parametrize(
    'call', ['drop_snapshot', 'drop_checkpoint', 'drop_machine']
)
def test_a_cleanup_that_fails_fails_nothing_else(
    world: World, call: str
) -> None:
    name, transfer = replica(world)
    change(world, name)
    plant(world, call, error=LASTING)
    done = world.run(transfer)
    check_met(world)
    assert any('is left over: a planted fault' in n for n in notes(done))
    world.check_same(world.points(transfer)[0], name)
    # It stays in the ledger, and the next execution removes it.
    world.run(transfer)
    check_clean(world, transfer, name)


def test_what_was_left_over_does_not_keep_disks(world: World) -> None:
    """A worker VM that did not go is in the way of the volumes."""
    name, transfer = replica(world)
    change(world, name)
    plant(world, 'drop_machine', error=LASTING)
    world.run(transfer)
    assert len(world.destination.left()['machines']) == 1
    world.delete(transfer)
    assert world.destination.left() == {}


def test_what_was_left_over_is_listed_and_removed(world: World) -> None:
    name, transfer = replica(world)
    assert world.client.strays.list() == []
    plant(world, 'drop_machine', error=LASTING)
    done = world.run(transfer)
    [machine] = world.destination.left()['machines']
    [stray] = world.client.strays.list()
    assert (stray['kind'], stray['resource_id']) == ('vm', machine)
    assert (stray['side'], stray['instance']) == ('target', name)
    assert stray['execution_id'] == done['id']
    plant(world, 'drop_machine', error=LASTING)
    with pytest.raises(ApiError) as caught:
        world.client.strays.delete(stray['id'])
    assert 'a planted fault' in caught.value.message
    [stray] = world.client.strays.list()
    assert stray['reason'] == 'a planted fault'
    assert len(world.destination.left()['machines']) == 1
    world.client.strays.delete(stray['id'])
    assert world.client.strays.list() == []
    assert 'machines' not in world.destination.left()
    check_met(world)


def test_an_old_point_that_does_not_go(world: World) -> None:
    name, transfer = replica(world)
    world.run(transfer)
    plant(world, 'drop_volume_snapshot', error=LASTING)
    done = world.run(transfer, 'ERROR')
    check_met(world)
    assert task(done, 'DELETE_RECOVERY_POINTS')['status'] == 'ERROR'
    # The new one stands all the same.
    assert len(world.points(transfer)) == 3
    world.run(transfer)
    assert len(world.points(transfer)) == 2
    check_clean(world, transfer, name)


@pytest.mark.parametrize(
    ('call', 'skip'), [('clone_volume', 1), ('make_machine', 0)]
)
def test_a_fault_of_a_deployment(world: World, call: str, skip: int) -> None:
    name, transfer = replica(world)
    before = world.destination.left()
    plant(world, call, error=LASTING, skip=skip)
    world.deploy(transfer, 'ERROR', purpose='test')
    check_met(world)
    assert world.destination.left() == before
    world.deploy(transfer, purpose='test')
    assert len(world.destination.left()['machines']) == 1
    assert len(world.points(transfer)) == 1
    assert world.points(transfer)[0]['instance'] == name


@pytest.mark.parametrize('call', ['drop_machine', 'drop_volume'])
def test_a_fault_of_a_teardown(world: World, call: str) -> None:
    _, transfer = replica(world)
    before = world.destination.left()
    made = world.deploy(transfer, purpose='test')
    plant(world, call, error=LASTING)
    world.client.deployments.delete(made['id'])
    check_teardown_failed(world, made['id'])
    check_met(world)
    world.undeploy(made['id'])
    assert world.destination.left() == before


def check_teardown_failed(world: World, deployment: str) -> None:
    world.deployed(deployment, 'ERROR')


@pytest.mark.parametrize(
    'call', ['drop_volume_snapshot', 'drop_volume', 'drop_checkpoint']
)
def test_a_fault_when_disks_are_deleted(world: World, call: str) -> None:
    _, transfer = replica(world)
    plant(world, call, error=LASTING)
    made = world.client.transfers.delete_disks(transfer)
    done = world.ended(transfer, made['id'])
    check_met(world)
    assert done['status'] == 'ERROR', told(done)
    assert world.source.left() or world.destination.left()
    world.delete(transfer)
    assert world.source.left() == {}
    assert world.destination.left() == {}
    assert world.ledger() == []


def test_lost_answers_of_everything_at_once(world: World) -> None:
    """Several faults in one run, then none."""
    name, transfer = replica(world)
    change(world, name)
    for call in ('read', 'write', 'zero'):
        plant(world, call, error=PASSING)
    plant(world, 'drop_snapshot', error=PASSING)
    done = world.ended(transfer, world.start(transfer))
    assert done['status'] not in RUNNING
    world.source.call('test_calm')
    world.destination.call('test_calm')
    world.run(transfer)
    check_clean(world, transfer, name)
