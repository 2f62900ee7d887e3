# SPDX-License-Identifier: Apache-2.0
"""Schedules and the claims of their due times."""

from __future__ import annotations

import datetime

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.errors import Changed
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.schedule import (
    Blackout,
    Cron,
    RunState,
    Schedule,
    ScheduleRun,
    ScheduleSpec,
)
from tests.unit.db import make

HOUR = datetime.timedelta(hours=1)
SPEC = ScheduleSpec(
    cron=Cron(hour=3, dow=0),
    time_zone='Europe/Berlin',
    blackouts=(Blackout(start='08:00', end='18:00', days=(0, 4)),),
    expiration_date=make.NOON,
)


def schedule(
    database: Database,
    transfer_id: str | None = None,
    due_at: datetime.datetime | None = make.NOON,
    spec: ScheduleSpec = SPEC,
) -> Schedule:
    given = Schedule(
        id=new_id(),
        transfer_id=transfer_id or make.transfer(database).id,
        project_id='p1',
        user_id='u1',
        spec=spec,
        next_due_at=due_at,
    )
    made = database.write(lambda s: db.schedules.create(s, given))
    assert msgspec.structs.replace(made, created_at=None) == given
    return made


def run(one: Schedule, due_at: datetime.datetime = make.NOON) -> ScheduleRun:
    return ScheduleRun(
        schedule_id=one.id,
        due_at=due_at,
        state=RunState.STARTED,
        execution_id=new_id(),
    )


def test_a_schedule_comes_back_as_it_was(database: Database) -> None:
    made = schedule(database)
    get = db.schedules.get
    assert database.read(lambda s: get(s, made.id, 'p1')) == made
    with pytest.raises(errors.NotFound):
        database.read(lambda s: get(s, made.id, 'p2'))
    off = msgspec.structs.replace(
        made,
        next_due_at=None,
        spec=msgspec.structs.replace(SPEC, enabled=False),
    )
    changed = database.write(lambda s: db.schedules.update(s, off))
    assert changed.spec.enabled is False
    assert (changed.next_due_at, changed.version) == (None, 1)
    with pytest.raises(Changed), database.writer() as session:
        db.schedules.update(session, made)


def test_it_goes_with_its_transfer(database: Database) -> None:
    made = schedule(database)
    claim(database, made, run(made))
    database.write(lambda s: db.transfers.delete(s, made.transfer_id))
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.schedules.get(s, made.id))
    assert database.read(lambda s: db.schedules.runs(s, made.id)) == []


def test_expired_ones_can_be_left_out(database: Database) -> None:
    old = schedule(database)
    never = schedule(
        database, old.transfer_id, spec=ScheduleSpec(cron=Cron(hour=1))
    )
    soon = schedule(
        database,
        old.transfer_id,
        spec=ScheduleSpec(cron=Cron(hour=1), expiration_date=utcnow() + HOUR),
    )
    schedule(database)  # of another transfer

    def ids(**how: bool) -> set[str]:
        found = database.read(
            lambda s: db.schedules.list(s, old.transfer_id, **how)
        )
        return {one.id for one in found}

    assert ids() == {old.id, never.id, soon.id}
    assert ids(show_expired=False) == {never.id, soon.id}


def test_what_is_due(database: Database) -> None:
    late = schedule(database, due_at=utcnow() - HOUR)
    later = schedule(database, late.transfer_id, due_at=utcnow() - 2 * HOUR)
    schedule(database, late.transfer_id, due_at=utcnow() + HOUR)
    schedule(database, late.transfer_id, due_at=None)
    found = database.read(db.schedules.due)
    assert [one.id for one in found] == [later.id, late.id]
    found = database.read(lambda s: db.schedules.due(s, limit=1))
    assert [one.id for one in found] == [later.id]
    found = database.read(lambda s: db.schedules.due(s, 5, later))
    assert [one.id for one in found] == [late.id]


def moved(one: Schedule, due_at: datetime.datetime | None = None) -> Schedule:
    return msgspec.structs.replace(one, next_due_at=due_at)


def claim(database: Database, one: Schedule, mine: ScheduleRun) -> None:
    on = moved(one, mine.due_at + HOUR)
    database.write(lambda s: db.schedules.claim(s, on, mine))


def test_a_due_time_is_claimed_once(database: Database) -> None:
    made = schedule(database)

    def race(number: int) -> str:
        mine = run(made)
        try:
            claim(database, made, mine)
        except errors.Stale:
            return ''
        return mine.execution_id

    won = [id for id in make.race(6, race) if id]
    assert len(won) == 1
    [kept] = database.read(lambda s: db.schedules.runs(s, made.id))
    assert (kept.execution_id, kept.due_at) == (won[0], make.NOON)
    found = database.read(lambda s: db.schedules.get(s, made.id))
    # Moved on, and no change of the user's.
    assert (found.next_due_at, found.version) == (make.NOON + HOUR, 0)
    assert found.last_run == kept
    # Another due time is another claim; an older one is over.
    with pytest.raises(errors.Stale):
        claim(database, made, run(made, make.NOON - HOUR))
    claim(database, made, run(made, make.NOON + HOUR))
    assert len(database.read(lambda s: db.schedules.runs(s, made.id))) == 2


def test_a_claim_of_what_was_changed_is_stale(database: Database) -> None:
    made = schedule(database)
    database.write(lambda s: db.schedules.update(s, made))
    with pytest.raises(errors.Stale):
        claim(database, made, run(made))
    # Nothing of it is left.
    assert database.read(lambda s: db.schedules.runs(s, made.id)) == []


def test_a_claim_for_what_is_gone_is_stale(database: Database) -> None:
    made = schedule(database)
    database.write(lambda s: db.schedules.delete(s, made.id))
    with pytest.raises(errors.Stale):
        claim(database, made, run(made))
    with pytest.raises(errors.NotFound):
        database.write(lambda s: db.schedules.delete(s, made.id))


def test_the_last_run_of_each(database: Database) -> None:
    one = schedule(database)
    two = schedule(database, one.transfer_id)
    for hours in (1, 2, 3):
        claim(database, one, run(one, make.NOON + hours * HOUR))
    listed = database.read(lambda s: db.schedules.list(s, one.transfer_id))
    last = {each.id: each.last_run for each in listed}
    assert last[two.id] is None
    found = last[one.id]
    assert found is not None
    assert found.due_at == make.NOON + 3 * HOUR
    runs = database.read(lambda s: db.schedules.runs(s, one.id))
    assert [(r.due_at - make.NOON) // HOUR for r in runs] == [3, 2, 1]


def test_old_runs_are_forgotten_but_for_the_last(database: Database) -> None:
    one = schedule(database)
    for hours in (1, 2, 3):
        claim(database, one, run(one, make.NOON + hours * HOUR))
    assert database.write(lambda s: db.schedules.forget_runs(s, 10_000)) == 0
    assert database.write(lambda s: db.schedules.forget_runs(s, 1)) == 2
    left = database.read(lambda s: db.schedules.runs(s, one.id))
    assert [(r.due_at - make.NOON) // HOUR for r in left] == [3]
