# SPDX-License-Identifier: Apache-2.0
"""What runs at once, and how fast it may be."""

from __future__ import annotations

import time
from typing import Any

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import MIB, World, task, wait_until

Json = dict[str, Any]
WAITS = 'Waits for a free slot of endpoint "the source" (1 of 1 used).'


def reasons(world: World, transfer: str, run: str) -> list[str]:
    found = world.client.executions.of(transfer).get(run)
    return [one['reason'] for one in found['tasks']]


def limits(world: World, transfer: str, run: str) -> list[float | None]:
    """What its copy says that it may take, by disk."""
    found = world.client.executions.of(transfer).get(run)
    copy = task(found, 'REPLICATE_DISKS')
    return [one['limit'] for one in copy['progress']]


def test_an_endpoint_takes_one_task_at_a_time(world: World) -> None:
    source = world.endpoint('source')
    changed = world.client.endpoints.update(source, slots=1)
    assert changed.slots == 1
    slow = world.transfer(world.machine('slow', 4 * MIB), bandwidth_limit=0.5)
    other = world.transfer(world.machine('other', MIB))
    world.fill('slow', 0, 0, 4 * MIB)
    first = world.start(slow)
    wait_until(lambda: limits(world, slow, first), 'a copy')
    second = world.start(other)
    wait_until(
        lambda: WAITS in reasons(world, other, second), 'somebody who waits'
    )
    # There is room for both, and it is used at once.
    world.client.endpoints.update(source, slots=2)
    assert world.ended(other, second)['status'] == 'COMPLETED'
    assert limits(world, slow, first) == [0.5e6]
    world.client.transfers.update(
        slow, bandwidth_limit={'mb_s': None, 'profile': []}
    )
    assert world.ended(slow, first)['status'] == 'COMPLETED'
    for transfer, name in ((slow, 'slow'), (other, 'other')):
        [point] = world.points(transfer)
        world.check_same(point, name)


def test_limits_change_while_it_copies(world: World) -> None:
    for which in ('source', 'destination'):
        world.client.endpoints.update(
            world.endpoint(which), bandwidth_limit=0.4
        )
    name = world.machine('slow', 6 * MIB)
    world.fill(name, 0, 0, 6 * MIB)
    window = {'from': '00:00', 'to': '00:00', 'mb_s': 0.3}
    transfer = world.transfer(name, bandwidth_limit=[window])
    run = world.start(transfer)
    wait_until(lambda: limits(world, transfer, run) == [0.3e6], 'a limit')
    world.client.transfers.update(transfer, bandwidth_limit=0.6)
    wait_until(lambda: limits(world, transfer, run) == [0.4e6], 'another one')
    for which in ('source', 'destination'):
        world.client.endpoints.update(
            world.endpoint(which), bandwidth_limit={'mb_s': None}
        )
    world.client.transfers.update(transfer, bandwidth_limit=200)
    assert world.ended(transfer, run)['status'] == 'COMPLETED'
    [point] = world.points(transfer)
    world.check_same(point, name)


def test_a_limit_that_makes_no_sense_is_refused(world: World) -> None:
    wrong = {'profile': [{'from': '08:00', 'to': '9:00', 'mb_s': 5}]}
    with pytest.raises(ApiError) as caught:
        world.client.endpoints.update(
            world.endpoint('source'), bandwidth_limit=wrong
        )
    assert caught.value.status == 400
    assert "'9:00' is no time of day" in caught.value.message
    assert caught.value.field == '$.endpoint.bandwidth_limit.profile[0].to'


@pytest.mark.thorough
def test_a_limit_is_kept_over_ten_seconds(world: World) -> None:
    """Two copies of one endpoint, together within 5 % of what it says."""
    size = 80 * MIB
    world.client.endpoints.update(
        world.endpoint('destination'), bandwidth_limit=10
    )
    runs = {}
    for name in ('one', 'two'):
        world.machine(name, size)
        world.fill(name, 0, 0, size)
    for transfer in [world.transfer(name) for name in ('one', 'two')]:
        runs[transfer] = world.start(transfer)
    for transfer, run in runs.items():
        wait_until(
            lambda t=transfer, r=run: limits(world, t, r) == [5e6], 'shares'
        )
    before, began = world.written(), time.monotonic()
    time.sleep(10)
    moved, seconds = world.written() - before, time.monotonic() - began
    assert moved / seconds == pytest.approx(10e6, rel=0.05)
    world.client.endpoints.update(
        world.endpoint('destination'), bandwidth_limit={'mb_s': None}
    )
    for transfer, run in runs.items():
        assert world.ended(transfer, run)['status'] == 'COMPLETED'
