# SPDX-License-Identifier: Apache-2.0
"""Slots: no more tasks than a worker may have, whoever starts them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from coriolis_ng.db import api as db
from coriolis_ng.db import models
from coriolis_ng.db.session import Database
from coriolis_ng.objects.service import Service
from coriolis_ng.objects.task import TaskState
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
