# SPDX-License-Identifier: Apache-2.0
"""Slots: no more tasks than a worker may have, whoever starts them."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from coriolis_ng.db import api as db
from coriolis_ng.db import models
from coriolis_ng.db.api.starts import Start
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import Cancel
from coriolis_ng.objects.service import Service
from coriolis_ng.objects.task import TaskState
from coriolis_ng.objects.value import Value
from tests.unit.db import make


def worker(database: Database, capacity: int) -> Service:
    return make.worker(database, capacity=capacity)


def used(database: Database, service: Service) -> int:
    return database.read(lambda s: db.services.get(s, service.id)).used


def test_conductors_race_for_the_last_slots(database: Database) -> None:
    service = worker(database, 3)
    _, ids = make.running(database, tasks=11)
    won = make.race(10, lambda n: make.start(database, ids[n], service))
    assert sorted(won) == [False] * 7 + [True] * 3
    assert used(database, service) == 3
    assert database.read(lambda s: db.services.get(s, service.id)).load == 3


def test_cleanups_take_no_slot(database: Database) -> None:
    service = worker(database, 1)
    _, ids = make.running(database, tasks=3)
    assert make.start(database, ids[0], service)
    assert not make.start(database, ids[1], service)
    assert make.start(database, ids[2], service, cleanup=True)
    assert used(database, service) == 1


def test_whatever_closes_a_task_frees_its_slot(database: Database) -> None:
    service = worker(database, 1)
    _, ids = make.running(database, tasks=5)
    endings: list[Any] = [
        lambda s, id: db.tasks.finish(s, id, 1, TaskState.DONE, {}),
        lambda s, id: db.tasks.requeue(s, id, 1, 60, 'lost'),
        lambda s, id: db.tasks.close(
            s, id, 1, TaskState.RUNNING, TaskState.FAILED, 'lost'
        ),
    ]
    for id, end in zip(ids, endings, strict=False):
        assert make.start(database, id, service)
        assert used(database, service) == 1
        assert database.write(lambda s, e=end, i=id: e(s, i))
        assert used(database, service) == 0
    # An answer that is repeated frees nothing again.
    assert make.start(database, ids[3], service)
    database.write(lambda s: endings[0](s, ids[0]))
    assert used(database, service) == 1


def test_a_start_that_loses_takes_nothing(database: Database) -> None:
    service = worker(database, 5)
    _, ids = make.running(database)
    won = make.race(5, lambda _: make.start(database, ids[0], service))
    assert sorted(won) == [False] * 4 + [True]
    assert used(database, service) == 1


def test_a_wrong_counter_is_mended(database: Database) -> None:
    service = worker(database, 2)
    _, ids = make.running(database)
    assert make.start(database, ids[0], service)
    database.write(lambda s: s.execute(sa.update(models.Slots).values(used=2)))
    assert database.write(lambda s: db.slots.repair(s, service.id)) == 1
    assert used(database, service) == 1
    assert database.write(lambda s: db.slots.repair(s, service.id)) == 0


def test_a_worker_that_ends_gets_nothing_more(database: Database) -> None:
    service = worker(database, 2)
    _, ids = make.running(database, tasks=3)
    assert make.start(database, ids[0], service)
    assert worker(database, 0).id == service.id
    assert not make.start(database, ids[1], service)
    assert used(database, service) == 1


class Scope(Value):
    key: str
    limit: int


def scopes(database: Database, *several: Scope) -> None:
    database.write(lambda s: db.slots.limit_scopes(s, several))


def used_of(database: Database, *keys: str) -> list[int]:
    found = database.read(lambda s: db.slots.used_of(s, keys))
    return [found[key] for key in keys]


def start(
    database: Database, task_id: str, service: Service, *wanted: Scope
) -> bool:
    given = Start(
        task_id=task_id,
        attempt=0,
        service_id=service.id,
        scopes=tuple((one.key, one.limit) for one in wanted),
    )
    return bool(database.write(lambda s: db.starts.start(s, [given], 90)))


def test_conductors_race_for_the_last_slots_of_a_scope(
    database: Database,
) -> None:
    service = worker(database, 20)
    one, two = Scope(key='a', limit=2), Scope(key='b', limit=3)
    scopes(database, one, two)
    _, ids = make.running(database, tasks=11)

    def attempt(n: int) -> bool:
        wanted = (one, two) if n % 2 else (two,)
        return start(database, ids[n], service, *wanted)

    won = make.race(10, attempt)
    # A winner of both took none from three others, and so on: never more
    # than there are, never one without the other.
    running = [n for n, answer in enumerate(won) if answer]
    assert used_of(database, 'a', 'b') == [
        sum(n % 2 for n in running),
        len(running),
    ]
    assert len(running) == 3
    assert sum(n % 2 for n in running) <= 2
    assert used(database, service) == 3


def test_one_without_room_takes_nothing_of_the_others(
    database: Database,
) -> None:
    service = worker(database, 5)
    a, b = Scope(key='a', limit=1), Scope(key='b', limit=1)
    scopes(database, a, b)
    _, ids = make.running(database, tasks=4)
    assert start(database, ids[0], service, a)
    assert not start(database, ids[1], service, a, b)
    assert used_of(database, 'a', 'b') == [1, 0]
    assert used(database, service) == 1
    assert start(database, ids[2], service, b)


def test_whatever_closes_a_task_frees_its_scopes(database: Database) -> None:
    service = worker(database, 1)
    a, b = Scope(key='a', limit=1), Scope(key='b', limit=1)
    scopes(database, a, b)
    execution, ids = make.running(database, tasks=5)
    endings: list[Any] = [
        lambda s, id: db.tasks.finish(s, id, 1, TaskState.DONE, {}),
        lambda s, id: db.tasks.finish(s, id, 1, TaskState.CANCELED),
        lambda s, id: db.tasks.requeue(s, id, 1, 60, 'lost'),
        lambda s, id: db.tasks.close(
            s, id, 1, TaskState.RUNNING, TaskState.FAILED, 'lost'
        ),
    ]
    for id, end in zip(ids, endings, strict=False):
        assert start(database, id, service, a, b)
        assert used_of(database, 'a', 'b') == [1, 1]
        assert database.write(lambda s, e=end, i=id: e(s, i))
        assert used_of(database, 'a', 'b') == [0, 0]
    # Nor does a start that loses keep any.
    assert not start(database, ids[0], service, a, b)
    assert used_of(database, 'a', 'b') == [0, 0]


def test_wrong_counters_of_scopes_are_mended(database: Database) -> None:
    service = worker(database, 5)
    a, b = Scope(key='a', limit=3), Scope(key='b', limit=3)
    scopes(database, a, b)
    _, ids = make.running(database, tasks=3)
    assert start(database, ids[0], service, a)
    database.write(lambda s: s.execute(sa.update(models.Scope).values(used=3)))
    assert database.write(db.slots.repair_scopes) == 2
    assert used_of(database, 'a', 'b') == [1, 0]
    assert database.write(db.slots.repair_scopes) == 0


def wait(database: Database, id: str, minute: int, key: str) -> bool:
    return database.write(
        lambda s: db.tasks.wait(
            s,
            [id],
            0,
            f'Waits for {key}.',
            turn=make.NOON + datetime.timedelta(minutes=minute),
            wants='{}',
            blocked_by=key,
        )
    )


def ahead(database: Database, most: int, patient: int = 0) -> list[str]:
    """Of those whose turn was in the first ``patient`` minutes two."""
    ends = make.NOON + datetime.timedelta(minutes=patient)
    found = database.read(lambda s: db.turns.ahead(s, ends, most, 2))
    return [one.task_id for one in sorted(found, key=lambda one: one.turn)]


def test_who_waits_has_a_turn(database: Database) -> None:
    full = Scope(key='full', limit=1)
    scopes(database, full, Scope(key='free', limit=1))
    service = worker(database, 5)
    _, ids = make.running(database, tasks=7)
    assert start(database, ids[5], service, full)
    keys = ['full', 'free', 'full', 'worker', 'worker']
    for minute, (id, key) in enumerate(zip(ids, keys, strict=False), 1):
        assert wait(database, id, minute, key)
        # What is said again changes nothing, also not the turn.
        assert not wait(database, id, 50 + minute, key)
    assert ahead(database, 10) == [ids[1], ids[3], ids[4]]
    assert ahead(database, 2) == [ids[1], ids[3]]
    # The first two that have waited for long are told in any case.
    assert ahead(database, 1, patient=5) == [ids[0], ids[1]]
    assert database.read(lambda s: db.turns.waiting_for(s, 'full')) == [
        database.read(lambda s: db.tasks.get(s, ids[0])).execution_id
    ]
    assert len(database.read(db.turns.all_of)) == 5


def test_a_turn_ends_with_the_start_and_with_the_wait(
    database: Database,
) -> None:
    service = worker(database, 5)
    execution, ids = make.running(database, tasks=4)
    for minute, id in enumerate(ids[:3]):
        wait(database, id, minute, 'worker')
    assert start(database, ids[0], service)
    assert database.write(
        lambda s: db.tasks.wait(s, [ids[1]], 0, 'No worker is there.')
    )
    assert ahead(database, 10) == [ids[2]]
    row = database.read(lambda s: db.tasks.get(s, ids[1]))
    assert (row.turn, row.reason) == (None, 'No worker is there.')
    database.write(lambda s: db.turns.forget(s, execution.id))
    assert ahead(database, 10) == []


def test_those_of_a_cancelled_execution_keep_nobody_waiting(
    database: Database,
) -> None:
    execution, ids = make.running(database, tasks=2)
    wait(database, ids[0], 1, 'worker')
    database.write(
        lambda s: db.executions.ask_cancel(s, execution.id, Cancel.GRACEFUL)
    )
    assert ahead(database, 10, patient=5) == []
