# SPDX-License-Identifier: Apache-2.0
"""Limits of endpoints and transfers, shared by copies on several workers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import endpoints, transfers
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.bandwidth import Bandwidth, Window
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.task import Progress
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.rpc.wire import Assignment, TaskBeat
from tests.unit.conductor import samples
from tests.unit.conductor.conftest import Site
from tests.unit.conductor.scripted import Worker

MB = 1e6


class Moving(samples.Copy):
    moves = True


@pytest.fixture(autouse=True)
def moving(site: Site) -> None:
    tasks = {**site.parts.tasks, 'Copy': Moving}
    site.parts = dataclasses.replace(site.parts, tasks=tasks)
    site.worker.parts = site.parts


def beside(site: Site, other: Transfer, **more: Any) -> Transfer:
    spec = TransferSpec(
        origin_endpoint_id=other.spec.origin_endpoint_id,
        destination_endpoint_id=other.spec.destination_endpoint_id,
        instances=('a',),
        **more,
    )
    return transfers.create(site.parts, site.who, spec)


def limit(site: Site, id: str, mb_s: float | None) -> None:
    given = None if mb_s is None else to_plain(Bandwidth(mb_s=mb_s))
    endpoints.update(site.parts, site.who, id, {'bandwidth': given})


def copying(site: Site, transfer: Transfer) -> Assignment:
    """A new run that has come to its copy."""
    run = site.execute(transfer)
    for given in site.taken():
        if given.execution_id == run.id:
            site.worker.do(given)
    site.taken()
    (found,) = (
        g
        for g in site.worker.held.values()
        if g.execution_id == run.id and g.name == 'Copy'
    )
    return found


def ordered(site: Site) -> dict[str, float | None]:
    return {
        one.task_id: one.bytes_per_second for one in site.worker.beat().limits
    }


def test_without_limits(site: Site) -> None:
    given = copying(site, site.transfer('a'))
    assert given.moves
    assert given.limit is None
    assert ordered(site) == {given.task_id: None}


def test_only_what_moves_bytes_takes_part(site: Site) -> None:
    one = site.transfer('a')
    limit(site, one.spec.origin_endpoint_id, 10)
    site.execute(one)
    look = site.next('Look')
    assert (look.moves, look.limit) == (False, None)
    assert ordered(site) == {}


def test_copies_share_an_endpoint_and_changes_are_heard(site: Site) -> None:
    one = site.transfer('a')
    origin = one.spec.origin_endpoint_id
    limit(site, origin, 30)
    first = copying(site, one)
    assert first.limit == 30 * MB
    second = copying(site, beside(site, one, bandwidth=Bandwidth(mb_s=5)))
    assert second.limit == 5 * MB
    third = copying(site, beside(site, one))
    assert third.limit == 12.5 * MB
    elsewhere = copying(site, site.transfer('a'))
    assert elsewhere.limit is None
    assert ordered(site) == {
        first.task_id: 12.5 * MB,
        second.task_id: 5 * MB,
        third.task_id: 12.5 * MB,
        elsewhere.task_id: None,
    }
    limit(site, origin, 8)
    third_of_8 = pytest.approx(8 * MB / 3)
    assert [*ordered(site).values()].count(None) == 1
    assert ordered(site)[second.task_id] == third_of_8
    site.worker.do(second)
    assert ordered(site)[first.task_id] == 4 * MB
    limit(site, origin, None)
    assert ordered(site)[first.task_id] is None


def test_copies_on_other_workers_count(site: Site) -> None:
    one = site.transfer('a')
    limit(site, one.spec.destination_endpoint_id, 20)
    site.worker.capacity = 1
    site.worker.beat()
    other = Worker(site.parts, host='w2', capacity=1)
    other.beat()
    for transfer in (one, beside(site, one)):
        site.execute(transfer)
    workers = {'w1': site.worker, 'w2': other}
    for _ in range(2):
        nudges, site.bus.starts = site.bus.starts, []
        for host, id, attempt in nudges:
            given = workers[host].take(id, attempt)
            if given.name == 'Look':
                workers[host].do(given)
    nudges, site.bus.starts = site.bus.starts, []
    for host, id, attempt in nudges:
        workers[host].take(id, attempt)
    for worker in workers.values():
        (given,) = worker.held.values()
        assert given.name == 'Copy'
        (order,) = worker.beat().limits
        assert order.bytes_per_second == 10 * MB


def test_the_share_is_shown_with_the_progress(site: Site) -> None:
    given = copying(site, site.transfer('a'))
    seen = Progress(item='vda', done=1, total=9, rate=4.5, limit=5.0)
    site.worker.beat(
        TaskBeat(task_id=given.task_id, attempt=1, progress=(seen,))
    )
    (shown,) = (
        task.progress
        for task in site.execution(given.execution_id).tasks
        if task.id == given.task_id
    )
    assert shown == (seen,)


WRONG = Bandwidth(profile=(Window(start='8', end='18:00', mb_s=1),))


def test_what_is_wrong_is_named(site: Site) -> None:
    one = site.transfer('a')
    attempts: list[Any] = [
        lambda: endpoints.create(
            site.parts,
            site.who,
            EndpointSpec(
                name='x',
                type='cloud',
                connection_info={'password': 'x'},
                bandwidth=WRONG,
            ),
        ),
        lambda: endpoints.update(
            site.parts,
            site.who,
            one.spec.origin_endpoint_id,
            {'bandwidth': to_plain(WRONG)},
        ),
        lambda: beside(site, one, bandwidth=WRONG),
        lambda: transfers.update(
            site.parts, site.who, one.id, {'bandwidth': to_plain(WRONG)}
        ),
    ]
    for attempt in attempts:
        with pytest.raises(errors.InvalidInput) as caught:
            attempt()
        assert caught.value.field == '$.bandwidth_limit.profile[0].from'


def test_a_transfer_that_runs_can_be_limited(site: Site) -> None:
    one = site.transfer('a')
    given = copying(site, one)
    limit_ = to_plain(Bandwidth(mb_s=3))
    made = transfers.update(
        site.parts, site.who, one.id, {'bandwidth': limit_}
    )
    assert made.state.value == 'done'
    assert ordered(site) == {given.task_id: 3 * MB}
    after = site.find(one.id)
    assert after.busy_with == given.execution_id
    assert after.last_execution_state == 'running'
    with pytest.raises(errors.Conflict):
        transfers.update(
            site.parts,
            site.who,
            one.id,
            {'bandwidth': limit_, 'keep_points': 9},
        )
    site.run()
    assert site.find(one.id).last_execution_state == 'done'
