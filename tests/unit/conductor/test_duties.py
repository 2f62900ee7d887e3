# SPDX-License-Identifier: Apache-2.0
"""A duty that is slow, or fails, keeps no other one from being done."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng.conductor.advance import advance_all
from coriolis_ng.conductor.duties import Duties, Duty, standard
from coriolis_ng.conductor.service import guarded
from coriolis_ng.db import models
from tests.unit.conductor.conftest import Site

SECONDS = 20


def test_a_slow_one_keeps_only_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stuck, release = threading.Event(), threading.Event()
    done = threading.Semaphore(0)

    def slow() -> None:
        stuck.set()
        assert release.wait(SECONDS)

    def broken() -> None:
        raise RuntimeError('no database')

    duties = Duties(
        [
            Duty(name='slow', seconds=0, first=0, works=[slow]),
            Duty(
                name='quick',
                seconds=0.01,
                first=0,
                works=[broken, done.release],
            ),
        ],
        guarded,
    )
    duties.start()
    try:
        assert stuck.wait(SECONDS)
        for _ in range(3):
            assert done.acquire(timeout=SECONDS)
        assert 'looking after quick failed' in caplog.text
        assert 'no database' in caplog.text
    finally:
        duties.stop()
        release.set()
        duties.wait()


def test_tasks_are_taken_back_on_a_thread_of_their_own(site: Site) -> None:
    duties = standard(site.parts, lambda: None, guarded)
    assert [one.name for one in duties] == [
        'reaper',
        'executions',
        'schedules',
        'pools',
        'records',
        'audit',
    ]
    for one in duties:
        for work in one.works:
            work()


def test_a_broken_execution_does_not_stop_younger_ones(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.bus.deaf = True
    older, younger = (site.execute(site.transfer('a')) for _ in range(2))
    rows = models.Task

    def write(session: Any) -> None:
        session.execute(
            sa.update(rows).values(state='pending', service_id=None, attempt=0)
        )
        session.execute(
            sa.update(rows)
            .where(rows.execution_id == older.id)
            .values(needs=['nonsense'])
        )

    site.parts.database.write(write)
    site.bus.deaf = False
    with pytest.raises(KeyError):
        advance_all(site.parts)
    assert site.bus.starts == []
    advance_all(site.parts, guarded)
    [(_, task_id, _)] = site.bus.starts
    assert site.row(task_id).execution_id == younger.id
    assert f'execution={older.id} failed' in caplog.text
