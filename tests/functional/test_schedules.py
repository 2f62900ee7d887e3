# SPDX-License-Identifier: Apache-2.0
"""Schedules that fire by themselves, over REST."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import MIB, World, told, wait_until


def test_continuous_replication(world: World) -> None:
    name = world.machine('always', MIB)
    transfer = world.transfer(name)
    schedules = world.client.schedules.of(transfer)
    # The second run is due a minute after the first began; nobody waits
    # for that here.
    one = schedules.create(continuous=True, interval_seconds=60)
    assert one.schedule == {}

    def ran() -> Any:
        return schedules.get(one.id)['last_run']

    run = wait_until(ran, 'the first run of a continuous schedule')
    assert (run['status'], run['message']) == ('STARTED', '')
    done = world.ended(transfer, run['execution_id'])
    assert done['status'] == 'COMPLETED', told(done)
    [point] = world.points(transfer)
    world.check_same(point, name)
    found = schedules.get(one.id)
    due, began = found.at('next_run_at'), found.at('created_at')
    assert due is not None
    assert began is not None
    assert due - began >= datetime.timedelta(seconds=60)
    off = schedules.update(one.id, enabled=False)
    assert off.next_run_at is None
    schedules.delete(one.id)
    assert schedules.list() == []


def test_a_schedule_goes_with_its_transfer(world: World) -> None:
    transfer = world.transfer(world.machine('brief', MIB))
    schedules = world.client.schedules.of(transfer)
    nightly = schedules.create(schedule={'hour': 3}, time_zone='Europe/Berlin')
    assert [one.id for one in schedules.list()] == [nightly.id]
    world.client.transfers.delete(transfer)
    with pytest.raises(ApiError) as caught:
        schedules.get(nightly.id)
    assert caught.value.status == 404


def test_an_empty_one_is_refused(world: World) -> None:
    transfer = world.transfer(world.machine('never', MIB))
    schedules = world.client.schedules.of(transfer)
    with pytest.raises(ApiError) as caught:
        schedules.create(schedule={})
    assert (caught.value.status, caught.value.field) == (400, '$.schedule')
    assert schedules.list() == []
