# SPDX-License-Identifier: Apache-2.0
"""The log of events: written with each change, complete, in order."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from coriolis_ng.db import api as db
from coriolis_ng.db import models
from coriolis_ng.db.session import Database
from coriolis_ng.objects.event import Event, EventKind
from coriolis_ng.objects.execution import (
    Cancel,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.task import Level, Note, TaskState
from tests.unit.db import make


def all_of(database: Database, **more: Any) -> list[Event]:
    return [*database.read(lambda s: db.events.list(s, 'p1', **more))]


def told(database: Database, **more: Any) -> list[tuple[str, str, str]]:
    return [(e.kind, e.name, e.state) for e in all_of(database, **more)]


def test_each_change_is_an_event(database: Database) -> None:
    execution, (main, last) = make.running(database)
    worker = make.worker(database)
    assert make.start(database, main, worker)
    assert not make.start(database, main, worker)
    note = Note(index=1, at=make.NOON, text='hello 🚚', level=Level.WARNING)
    for _ in range(2):  # told again, it is the same
        database.write(lambda s: db.reports.save(s, main, 1, notes=[note]))
    database.write(lambda s: db.tasks.requeue(s, main, 1, 0, 'lost'))
    make.start(database, main, worker, attempt=1)
    for _ in range(2):
        database.write(
            lambda s: db.tasks.finish(s, main, 2, TaskState.FAILED, None, 'no')
        )
        database.write(
            lambda s: db.executions.ask_cancel(s, execution.id, Cancel.FORCED)
        )
    database.write(
        lambda s: db.tasks.close(
            s, last, 0, TaskState.PENDING, TaskState.SKIPPED, 'not needed'
        )
    )
    for _ in range(2):
        database.write(
            lambda s: db.executions.end(
                s, execution.id, ExecutionState.CANCELED
            )
        )
    assert told(database) == [
        ('execution', 'transfer_execution', 'running'),
        ('task', 'GetVm', 'running'),
        ('note', 'GetVm', 'running'),
        ('task', 'GetVm', 'pending'),
        ('task', 'GetVm', 'running'),
        ('task', 'GetVm', 'failed'),
        ('execution', 'transfer_execution', 'cancelling'),
        ('task', 'DropSnapshot', 'skipped'),
        ('execution', 'transfer_execution', 'canceled'),
    ]
    events = all_of(database)
    assert {e.execution_id for e in events} == {execution.id}
    assert {e.transfer_id for e in events} == {execution.owner_id}
    assert {e.deployment_id for e in events} == {None}
    assert events[2].text == 'hello 🚚'
    assert events[2].level is Level.WARNING
    assert (events[3].text, events[3].attempt) == ('lost', 1)
    assert (events[5].text, events[5].level) == ('no', Level.ERROR)
    assert events[5].instance == 'web'
    assert [e.number for e in events] == sorted(e.number for e in events)


def test_what_is_taken_back_is_no_event(database: Database) -> None:
    execution, _ = make.running(database)
    try:
        with database.writer() as session:
            db.executions.end(session, execution.id, ExecutionState.DONE)
            raise KeyError
    except KeyError:
        pass
    assert len(told(database)) == 1


def test_a_deployment_belongs_to_its_transfer(database: Database) -> None:
    transfer = make.transfer(database)
    made = make.deployment(transfer.id)
    database.write(lambda s: db.deployments.create(s, made))
    make.execution(database, made.id, kind=ExecutionKind.DEPLOYMENT)
    (event,) = all_of(database)
    assert event.transfer_id == transfer.id
    assert event.deployment_id == made.id
    (same,) = all_of(database, filters={'transfer_id': transfer.id})
    assert same == event
    assert not all_of(database, filters={'deployment_id': transfer.id})
    assert not all_of(database, filters={'kind': EventKind.NOTE})


def test_pages(database: Database) -> None:
    for _ in range(5):
        make.running(database)
    numbers = [e.number for e in all_of(database)]
    assert len(numbers) == 5
    rest = all_of(database, after=numbers[1], limit=2)
    assert [e.number for e in rest] == numbers[2:4]
    rest = all_of(database, after=numbers[1], up_to=numbers[2])
    assert [e.number for e in rest] == numbers[2:3]
    assert database.read(db.events.newest) == numbers[-1]


def test_a_young_gap_is_waited_for(database: Database) -> None:
    for _ in range(4):
        make.running(database)
    one, two, three, four = (e.number for e in all_of(database))

    def settled(known: int, grace: float) -> int:
        return database.read(lambda s: db.events.settled(s, known, grace))

    assert settled(one - 1, 60) == four
    database.write(
        lambda s: s.execute(
            sa.delete(models.Event).where(models.Event.number == two)
        )
    )
    assert settled(one - 1, 60) == one
    assert settled(one - 1, 0) == four
    assert settled(three, 60) == four
    assert settled(four, 60) == four


def test_old_events_go_and_no_number_comes_back(database: Database) -> None:
    for _ in range(3):
        make.running(database)
    last = all_of(database)[-1].number

    def forget(age: float, count: int = 10_000) -> int:
        return database.write(lambda s: db.events.forget(s, age, count))

    assert forget(60) == 0
    assert forget(-60, 1) == 2
    assert forget(-60) == 1
    assert forget(-60) == 0
    make.running(database)
    assert all_of(database)[0].number > last
