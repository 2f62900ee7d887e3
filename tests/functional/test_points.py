# SPDX-License-Identifier: Apache-2.0
"""Recovery points: how many are kept, which ones, and their deletion."""

from __future__ import annotations

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import MIB, World, told, wait_until


def test_retention_spares_what_is_pinned(world: World) -> None:
    name = world.machine('kept', MIB)
    transfer = world.transfer(name, keep_points=2)
    world.run(transfer)
    [first] = world.points(transfer)
    pinned = world.client.recovery_points.pin(first['id'])
    assert pinned['pinned'] is True
    made = [first['id']]
    for _ in range(3):
        world.fill(name, 0, 0, MIB)
        world.run(transfer)
        made.append(world.points(transfer)[0]['id'])
    kept = [point['id'] for point in world.points(transfer)]
    assert kept == [made[3], made[2], made[0]]
    assert len(world.destination.left()['volume_snapshots']) == 3
    world.check_same(world.points(transfer)[0], name)

    world.client.recovery_points.pin(first['id'], pinned=False)
    world.run(transfer)
    assert len(world.points(transfer)) == 2
    assert first['id'] not in [p['id'] for p in world.points(transfer)]
    assert len(world.destination.left()['volume_snapshots']) == 2


def test_a_point_is_deleted_and_the_next_copy_still_a_delta(
    world: World,
) -> None:
    name = world.machine('pruned', MIB, 2 * MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    world.run(transfer)
    newest, oldest = world.points(transfer)
    world.client.recovery_points.delete(oldest['id'])
    wait_until(
        lambda: len(world.points(transfer)) == 1, 'deletion of the oldest'
    )
    world.client.recovery_points.delete(_when_free(world, transfer, newest))
    wait_until(lambda: world.points(transfer) == [], 'deletion of the newest')
    assert 'volume_snapshots' not in world.destination.left()
    with pytest.raises(ApiError) as caught:
        world.client.recovery_points.get(newest['id'])
    assert caught.value.status == 404

    _when_free(world, transfer, newest)
    world.fill(name, 1, MIB, MIB)
    world.run(transfer)
    [point] = world.points(transfer)
    assert point['mode'] == 'delta'
    assert point['bytes_sent'] == MIB
    world.check_same(point, name)


def _when_free(world: World, transfer: str, point: dict[str, str]) -> str:
    wait_until(
        lambda: world.client.transfers.get(transfer)['busy_with'] is None,
        'a free transfer',
    )
    return point['id']


def test_points_of_one_machine_come_in_pages(world: World) -> None:
    one, two = world.machine('one', MIB), world.machine('two', MIB)
    transfer = world.transfer(one, two)
    for _ in range(2):
        world.run(transfer)
    assert len(world.points(transfer)) == 4
    mine = world.points(transfer, instance=two)
    assert [point['instance'] for point in mine] == [two, two]
    page = world.points(transfer, limit=3)
    rest = world.points(transfer, limit=3, marker=page[-1]['id'])
    assert len(page) == 3
    assert len(rest) == 1
    ids = {point['id'] for point in [*page, *rest]}
    assert ids == {point['id'] for point in world.points(transfer)}


def test_a_deployment_takes_the_volumes_of_the_replica(world: World) -> None:
    name = world.machine('moved', 2 * MIB, MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    world.fill(name, 0, MIB, MIB)
    world.run(transfer)
    [point, _] = world.points(transfer)
    volumes = world.destination.left()['volumes']
    sums = [
        world.sha256_of_machine(name, f'disk{n}', size)
        for n, size in enumerate((2 * MIB, MIB))
    ]
    made = world.deploy(transfer, clone_disks=False)
    # No copy was made of anything, and the machine has what was there.
    assert world.destination.left()['volumes'] == volumes
    [machine] = world.destination.left()['machines']
    assert sums == [
        world.sha256_of_volume(id, size)
        for id, size in zip(volumes, (2 * MIB, MIB), strict=True)
    ]
    assert made['instances'] == [name]
    assert len(world.points(transfer)) == 2

    # The replica has no volumes any more: the next copy makes new ones.
    world.run(transfer)
    newest = world.points(transfer)[0]
    assert newest['mode'] == 'full'
    assert 'took the volumes of the replica' in newest['reason']
    world.check_same(newest, name)
    assert len(world.destination.left()['volumes']) == 4
    with pytest.raises(ApiError) as caught:
        world.client.recovery_points.delete(point['id'])
    assert caught.value.status == 409

    # Its user keeps the machine, with its volumes, and the service nothing.
    world.undeploy(made['id'])
    assert world.destination.left()['machines'] == [machine]
    world.delete(transfer)
    left = world.destination.left()
    assert left == {'machines': [machine], 'volumes': volumes}
    assert world.ledger() == []
    world.destination.call('drop_machine', id=machine)
    for volume in volumes:
        world.destination.call('drop_volume', id=volume)


def test_a_deployment_that_fails_gives_the_volumes_back(
    world: World,
) -> None:
    name = world.machine('stays', 2 * MIB)
    transfer = world.transfer(name, clone_disks=False)
    world.run(transfer)
    before = world.destination.left()
    world.destination.call(
        'test_fail', call='make_machine', error='Unsupported'
    )
    world.deploy(transfer, 'ERROR')
    assert world.destination.left() == before
    world.run(transfer)
    point = world.points(transfer)[0]
    assert point['mode'] == 'full'
    assert 'took the volumes of the replica' in point['reason']
    world.check_same(point, name)
    assert world.destination.left()['volumes'] == before['volumes']
    # A test does not touch them, whatever the transfer says.
    made = world.deploy(transfer, purpose='test')
    assert len(world.destination.left()['volumes']) == 2
    world.undeploy(made['id'])
    with pytest.raises(ApiError) as caught:
        world.deploy(transfer, purpose='test', clone_disks=False)
    assert caught.value.status == 400
    assert 'clone_disks' in str(caught.value)


def test_a_deployed_machine_keeps_no_transfer(world: World) -> None:
    """The deployment is known still; its machine goes on without us."""
    name = world.machine('kept', MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    deployed = world.deploy(transfer)
    [machine] = world.destination.left()['machines']
    [disk] = world.destination.call('get_machine', name=machine)['disks']
    content = world.sha256_of_volume(disk['id'], disk['size'])
    made = world.client.transfers.delete_disks(transfer)
    done = world.ended(transfer, made['id'])
    assert done['status'] == 'COMPLETED', told(done)
    world.client.transfers.delete(transfer)
    assert world.destination.left()['machines'] == [machine]
    assert world.sha256_of_volume(disk['id'], disk['size']) == content
    world.undeploy(deployed['id'])
    world.destination.call('drop_machine', id=machine)
    world.destination.call('drop_volume', id=disk['id'])
    for stray in sorted(
        world.client.strays.list(), key=lambda one: one['kind'], reverse=True
    ):
        world.client.strays.delete(stray['id'])
    assert world.destination.left() == {}


def test_a_point_that_a_machine_needs_is_left_to_it(world: World) -> None:
    name = world.machine('based', MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    [point] = world.points(transfer)
    content = world.sha256_of_point(point, 'disk0')
    deployed = world.deploy(transfer)
    [machine] = world.destination.left()['machines']
    [disk] = world.destination.call('get_machine', name=machine)['disks']
    points = world.client.recovery_points
    with pytest.raises(ApiError, match=deployed['id']) as caught:
        points.delete(point['id'])
    assert caught.value.status == 409
    world.undeploy(deployed['id'])
    # Now only the cloud knows that its disks lie on the point.
    points.delete(point['id'])
    executions = world.client.executions.of(transfer)
    [asked] = [
        one
        for one in executions.list()
        if one['type'] == 'recovery_points_delete'
    ]
    failed = world.ended(transfer, asked['id'])
    assert failed['status'] == 'ERROR', told(failed)
    [why] = [t['reason'] for t in failed['tasks'] if t['status'] == 'ERROR']
    assert point['id'] in why
    assert 'has live clones' in why
    # It is whole, and good for another machine.
    planned = world.client.deployments.plan(transfer_id=transfer)
    assert [disk['size'] for disk in planned['disks']] == [MIB]
    # With all the rest gone it is the machine's.
    made = world.client.transfers.delete_disks(transfer)
    done = world.ended(transfer, made['id'])
    assert done['status'] == 'COMPLETED', told(done)
    assert world.points(transfer) == []
    world.client.transfers.delete(transfer)
    assert world.sha256_of_volume(disk['id'], disk['size']) == content
    strays = world.client.strays
    left = {s['kind']: s for s in strays.list()}
    assert set(left) == {'volume', 'volume_snapshot'}
    with pytest.raises(ApiError, match='has live clones'):
        strays.delete(left['volume_snapshot']['id'])
    world.destination.call('drop_machine', id=machine)
    world.destination.call('drop_volume', id=disk['id'])
    strays.delete(left['volume_snapshot']['id'])
    strays.delete(left['volume']['id'])
    assert world.destination.left() == {}
