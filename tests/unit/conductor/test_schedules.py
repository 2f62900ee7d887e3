# SPDX-License-Identifier: Apache-2.0
"""Schedules that fire: claims, policies, several conductors, crashes."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import (
    due,
    executions,
    minion_pools,
    pool_claims,
    schedules,
    transfers,
)
from coriolis_ng.conductor.limits import LocalLimits
from coriolis_ng.db import api as db
from coriolis_ng.db.clock import utcnow
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.minion_pool import MachineState
from coriolis_ng.objects.quota import QuotaResource
from coriolis_ng.objects.schedule import (
    Cron,
    MissedRuns,
    RunState,
    Schedule,
    ScheduleRun,
    ScheduleSpec,
)
from coriolis_ng.objects.transfer import Transfer
from tests.unit.conductor import samples
from tests.unit.conductor.conftest import Site
from tests.unit.conductor.test_minion_pools import offers_pools, pool, work
from tests.unit.db.make import race

MINUTE = datetime.timedelta(minutes=1)
HOURLY = ScheduleSpec(interval_seconds=3600)


def schedule(
    site: Site, transfer: Transfer, spec: ScheduleSpec = HOURLY
) -> Schedule:
    return schedules.create(site.parts, site.who, transfer.id, spec)


def overdue(
    site: Site, one: Schedule, by: datetime.timedelta = MINUTE
) -> datetime.datetime:
    """Lets it have been due so long ago."""
    when = utcnow() - by

    def write(session: Any) -> None:
        found = db.schedules.get(session, one.id)
        db.schedules.update(
            session, msgspec.structs.replace(found, next_due_at=when)
        )

    site.parts.database.write(write)
    return when


def find(site: Site, one: Schedule) -> Schedule:
    return site.parts.database.read(lambda s: db.schedules.get(s, one.id))


def runs(site: Site, one: Schedule) -> list[ScheduleRun]:
    return [*site.parts.database.read(lambda s: db.schedules.runs(s, one.id))]


def all_of(site: Site, transfer: Transfer) -> list[Execution]:
    return [
        *site.parts.database.read(lambda s: db.executions.list(s, transfer.id))
    ]


def test_nothing_starts_before_its_time(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    due.start_due(site.parts)
    assert all_of(site, transfer) == []
    assert runs(site, one) == []


def test_a_due_one_runs_once_and_moves_on(site: Site) -> None:
    transfer = site.transfer()
    spec = msgspec.structs.replace(HOURLY, missed_runs=MissedRuns.ONCE)
    one = schedule(site, transfer, spec)
    when = overdue(site, one)
    due.start_due(site.parts)
    due.start_due(site.parts)
    [started] = all_of(site, transfer)
    assert started.spec.shutdown_instances is False
    [run] = runs(site, one)
    assert (run.state, run.due_at) == (RunState.STARTED, when)
    assert run.execution_id == started.id
    found = find(site, one)
    assert found.next_due_at is not None
    assert found.next_due_at > utcnow()
    assert found.last_run == run
    site.run()
    assert site.execution(started.id).state is ExecutionState.DONE
    # It was for this time only.
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 1


def test_what_it_says_goes_into_the_execution(site: Site) -> None:
    transfer = site.transfer()
    spec = ScheduleSpec(
        interval_seconds=60, shutdown_instances=True, auto_deploy=True
    )
    overdue(site, schedule(site, transfer, spec))
    due.start_due(site.parts)
    [started] = all_of(site, transfer)
    assert started.spec.shutdown_instances is True
    assert started.spec.auto_deploy is True


def test_of_several_conductors_one_starts_it(site: Site) -> None:
    made = [site.transfer() for _ in range(3)]
    several = [schedule(site, transfer) for transfer in made]
    for one in several:
        overdue(site, one)
    race(4, lambda _: due.start_due(site.parts))
    for transfer, one in zip(made, several, strict=True):
        [started] = all_of(site, transfer)
        [run] = runs(site, one)
        assert run.execution_id == started.id


def test_a_busy_transfer_is_waited_for(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    running = site.execute(transfer)
    overdue(site, one)
    due.start_due(site.parts)
    assert [e.id for e in all_of(site, transfer)] == [running.id]
    assert runs(site, one) == []
    site.run()
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 2


def test_a_skipped_run_says_why(site: Site) -> None:
    transfer = site.transfer()
    spec = msgspec.structs.replace(HOURLY, missed_runs=MissedRuns.SKIP)
    one = schedule(site, transfer, spec)
    when = overdue(site, one, 10 * MINUTE)
    due.start_due(site.parts)
    assert all_of(site, transfer) == []
    [run] = runs(site, one)
    assert (run.state, run.due_at) == (RunState.SKIPPED, when)
    assert (run.execution_id, bool(run.message)) == ('', True)


def test_without_a_worker_it_waits(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    service = site.parts.database.read(db.services.list)[0]

    def enable(enabled: bool) -> None:
        site.parts.database.write(
            lambda s: db.services.update(s, service.id, enabled)
        )

    enable(False)
    overdue(site, one)
    due.start_due(site.parts)
    assert all_of(site, transfer) == []
    assert runs(site, one) == []
    # Nothing holds the transfer either.
    assert site.find(transfer.id).busy_with is None
    enable(True)
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 1


def test_what_cannot_be_is_refused_and_told(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    overdue(site, one)

    def refuse(*_: Any) -> Any:
        raise errors.Unsupported('not with these clouds')

    recipes = dataclasses.replace(samples.RECIPES, transfer=refuse)
    due.start_due(dataclasses.replace(site.parts, recipes=recipes))
    assert all_of(site, transfer) == []
    [run] = runs(site, one)
    assert run.state is RunState.REFUSED
    assert (run.execution_id, run.message) == ('', 'not with these clouds')
    coming = find(site, one).next_due_at
    assert coming is not None
    assert coming > utcnow()


def test_a_full_quota_is_waited_for(site: Site) -> None:
    first, second = site.transfer(), site.transfer()
    site.execute(first)
    one = schedule(site, second)
    overdue(site, one)
    limits = LocalLimits({QuotaResource.EXECUTIONS: 1})
    narrow = dataclasses.replace(site.parts, limits=limits)
    due.start_due(narrow)
    assert (all_of(site, second), runs(site, one)) == ([], [])
    site.run()
    due.start_due(narrow)
    assert len(all_of(site, second)) == 1


def test_the_claim_and_the_execution_are_one(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    overdue(site, one)
    found = find(site, one)

    def broken(session: Any) -> None:
        due_at = found.next_due_at
        assert due_at is not None
        db.schedules.claim(
            session,
            msgspec.structs.replace(found, next_due_at=utcnow() + MINUTE),
            ScheduleRun(
                schedule_id=one.id, due_at=due_at, state=RunState.STARTED
            ),
        )
        raise RuntimeError('killed here')

    with pytest.raises(RuntimeError):
        executions.create(
            site.parts,
            site.who,
            transfer.id,
            ExecutionSpec(),
            also=broken,
        )
    assert runs(site, one) == []
    assert all_of(site, transfer) == []
    # Whoever looks next does it.
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 1


def test_continuous_runs_follow_each_other(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(
        site, transfer, ScheduleSpec(continuous=True, interval_seconds=600)
    )
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 1
    # Its interval is over, but it runs.
    overdue(site, one)
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 1
    site.run()
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 2
    site.run()
    # Not before its interval.
    due.start_due(site.parts)
    assert len(all_of(site, transfer)) == 2


def over_a_pool(site: Site, *instances: str) -> tuple[Transfer, str]:
    """A transfer through a pool of one machine, which is not allocated."""
    offers_pools(site)
    transfer = site.transfer(*instances)
    id = pool(site, transfer)
    change = {'destination_minion_pool_id': id}
    transfers.update(site.parts, site.who, transfer.id, change)
    return transfer, id


def test_a_pool_that_nobody_allocates_is_told(site: Site) -> None:
    transfer, _ = over_a_pool(site)
    one = schedule(site, transfer)
    overdue(site, one)
    before = len(all_of(site, transfer))
    due.start_due(site.parts)
    [run] = runs(site, one)
    assert run.state is RunState.REFUSED
    assert 'allocate it first' in run.message
    found = find(site, one).next_due_at
    assert found is not None
    assert found > utcnow()
    assert len(all_of(site, transfer)) == before


def test_a_pool_that_is_too_small_is_told(site: Site) -> None:
    transfer, id = over_a_pool(site, 'a', 'b')
    minion_pools.allocate(site.parts, site.who, id)
    work(site)
    one = schedule(site, transfer)
    overdue(site, one)
    due.start_due(site.parts)
    [run] = runs(site, one)
    assert run.state is RunState.REFUSED
    assert '1 at most' in run.message


def test_a_pool_that_is_full_or_comes_soon_is_waited_for(site: Site) -> None:
    transfer, id = over_a_pool(site)
    one = schedule(site, transfer)
    overdue(site, one)
    minion_pools.allocate(site.parts, site.who, id)
    due.start_due(site.parts)
    assert runs(site, one) == []
    work(site)
    other = site.transfer()
    site.parts.database.write(
        lambda s: pool_claims.claim(s, id, new_id(), ['b'], other.id)
    )
    due.start_due(site.parts)
    assert runs(site, one) == []
    [machine] = site.parts.database.read(
        lambda s: db.minion_pools.get(s, id)
    ).machines
    free = msgspec.structs.replace(
        machine, state=MachineState.AVAILABLE, claimed_by=None, instance=''
    )
    site.parts.database.write(lambda s: db.minion_pools.save_machine(s, free))
    due.start_due(site.parts)
    assert [run.state for run in runs(site, one)] == [RunState.STARTED]


def test_a_disabled_one_never_runs(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    schedules.update(site.parts, site.who, one.id, {'enabled': False})
    assert find(site, one).next_due_at is None
    due.start_due(site.parts)
    assert all_of(site, transfer) == []


def test_an_update_forgets_what_was_due(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    overdue(site, one)
    schedules.update(site.parts, site.who, one.id, {'time_zone': 'Asia/Tokyo'})
    due.start_due(site.parts)
    assert all_of(site, transfer) == []


def test_a_transfer_goes_with_its_schedules(site: Site) -> None:
    transfer = site.transfer()
    overdue(site, schedule(site, transfer))
    transfers.delete(site.parts, site.who, transfer.id)
    due.start_due(site.parts)


def test_hundreds_are_looked_after(site: Site) -> None:
    busy, free = site.transfer(), site.transfer()
    site.execute(busy)
    for _ in range(due.PAGE):
        overdue(site, schedule(site, busy), 3 * MINUTE)
    overdue(site, schedule(site, free))
    due.start_due(site.parts)
    # Those that wait keep nobody else from running.
    assert len(all_of(site, free)) == 1
    assert len(all_of(site, busy)) == 1


def test_who_may_not(site: Site) -> None:
    transfer = site.transfer()
    one = schedule(site, transfer)
    other = msgspec.structs.replace(site.who, project_id='another')
    with pytest.raises(errors.NotFound):
        schedules.create(site.parts, other, transfer.id, HOURLY)
    with pytest.raises(errors.NotFound):
        schedules.update(site.parts, other, one.id, {'enabled': False})
    with pytest.raises(errors.NotFound):
        schedules.delete(site.parts, other, one.id)
    with pytest.raises(errors.InvalidInput):
        schedules.create(
            site.parts, site.who, transfer.id, ScheduleSpec(cron=Cron())
        )
