# SPDX-License-Identifier: Apache-2.0
"""Recovery points: how many are kept, which ones, and their deletion."""

from __future__ import annotations

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import MIB, World, wait_until


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
