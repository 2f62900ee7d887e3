# SPDX-License-Identifier: Apache-2.0
"""Transactions: writers queue up, readers see a snapshot, races retry."""

from __future__ import annotations

import datetime
import multiprocessing
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng.db import api as db
from coriolis_ng.db import models
from coriolis_ng.db.clock import later
from coriolis_ng.db.errors import Changed, NoRoom
from coriolis_ng.db.session import Database
from tests.unit.db import make


def _grow(session: Any, id: str) -> None:
    """Reads, then writes: the pattern that SQLite refuses when the lock is
    taken late."""
    name = db.endpoints.get(session, id).name
    session.execute(
        sa.update(models.Endpoint)
        .where(models.Endpoint.id == id)
        .values(name=name + 'x', version=models.Endpoint.version + 1)
    )


def _grow_often(url: str, id: str, times: int) -> None:
    database = Database(url)
    for _ in range(times):
        database.write(lambda s: _grow_locked(s, id))
    database.close()


def _grow_locked(session: Any, id: str) -> None:
    session.execute(
        sa.select(models.Endpoint.id)
        .where(models.Endpoint.id == id)
        .with_for_update()
    )
    _grow(session, id)


def test_read_then_write_from_threads_loses_nothing(
    database: Database,
) -> None:
    made = database.write(
        lambda s: db.endpoints.create(s, make.endpoint(name='n'))
    )
    make.race(
        6,
        lambda _: [
            database.write(lambda s: _grow_locked(s, made.id))
            for _ in range(5)
        ],
    )
    found = database.read(lambda s: db.endpoints.get(s, made.id))
    assert found.name == 'n' + 'x' * 30


def test_read_then_write_from_processes_loses_nothing(
    database: Database, synced: str
) -> None:
    made = database.write(
        lambda s: db.endpoints.create(s, make.endpoint(name='n'))
    )
    spawn = multiprocessing.get_context('spawn')
    processes = [
        spawn.Process(target=_grow_often, args=(synced, made.id, 5))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    found = database.read(lambda s: db.endpoints.get(s, made.id))
    assert found.name == 'n' + 'x' * 10


def test_what_a_writer_read_stays_true(
    database: Database, synced: str
) -> None:
    """As between processes: the other one has its own ``Database``."""
    made = database.write(
        lambda s: db.endpoints.create(s, make.endpoint(name='n'))
    )
    other = Database(synced)
    thread = threading.Thread(
        target=lambda: other.write(lambda s: _grow_locked(s, made.id))
    )
    with database.writer() as session:
        session.execute(
            sa.select(models.Endpoint.id)
            .where(models.Endpoint.id == made.id)
            .with_for_update()
        )
        thread.start()
        # Not a wait for something: time for a writer that does not wait.
        time.sleep(0.3)
        _grow(session, made.id)
    thread.join()
    other.close()
    found = database.read(lambda s: db.endpoints.get(s, made.id))
    assert found.name == 'nxx'


def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    made = make.endpoint()

    def fail(session: Any) -> None:
        db.endpoints.create(session, made)
        raise LookupError

    with pytest.raises(LookupError):
        database.write(fail)
    assert database.read(lambda s: db.endpoints.list(s, None)) == []


def test_a_lost_race_runs_the_function_again(database: Database) -> None:
    calls: list[int] = []

    def second_time(session: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise Changed('lost')
        return 'won'

    assert database.write(second_time) == 'won'
    assert len(calls) == 2


def test_sqlite_refuses_to_wait_for_itself(tmp_path: Any) -> None:
    database = Database(f'sqlite:///{tmp_path}/rows.db')
    with database.writer(), pytest.raises(RuntimeError):
        database.write(lambda s: None)
    with database.writer() as session:  # and works on afterwards
        assert session.scalar(sa.text('SELECT 1')) == 1
    database.close()


def test_sqlite_reads_while_another_writes(tmp_path: Any) -> None:
    database = Database(f'sqlite:///{tmp_path}/rows.db')
    models.Base.metadata.create_all(database.engine)
    with database.writer() as session:
        db.endpoints.create(session, make.endpoint())
        assert database.read(lambda s: db.endpoints.list(s, None)) == []
    assert len(database.read(lambda s: db.endpoints.list(s, None))) == 1
    database.close()


def test_sqlite_logs_ahead_and_checks_keys(tmp_path: Any) -> None:
    database = Database(f'sqlite:///{tmp_path}/rows.db')
    with database.reader() as session:
        assert session.scalar(sa.text('PRAGMA journal_mode')) == 'wal'
        assert session.scalar(sa.text('PRAGMA foreign_keys')) == 1
    database.close()


def test_the_clock_is_utc_and_can_be_added_to(database: Database) -> None:
    with database.reader() as session:
        row = session.execute(
            sa.select(later(0), later(1.5), later(-90))
        ).one()
        here = datetime.datetime.now(datetime.UTC)
        assert abs(database.now(session) - here).total_seconds() < 60
    assert row[0].utcoffset() == datetime.timedelta(0)
    # SQLite's clock has milliseconds.
    assert abs((row[1] - row[0]).total_seconds() - 1.5) < 0.002
    assert abs((row[2] - row[0]).total_seconds() + 90) < 0.002


def test_the_clock_compares_with_stored_times(database: Database) -> None:
    with database.writer() as session:
        made = db.endpoints.create(session, make.endpoint())
        for seconds, expected in ((-60, True), (60, False)):
            found = session.scalar(
                sa.select(models.Endpoint.created_at > later(seconds)).where(
                    models.Endpoint.id == made.id
                )
            )
            assert bool(found) is expected


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = datetime.datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(Exception, match='without a time zone'):
        database.read(
            lambda s: s.scalar(
                sa.select(models.Endpoint.id).where(
                    models.Endpoint.created_at < naive
                )
            )
        )


def test_a_full_disk_is_told_and_passes(tmp_path: Any) -> None:
    database = Database(f'sqlite:///{tmp_path}/db')
    with database.writer() as session:
        session.execute(sa.text('CREATE TABLE big (text TEXT)'))

    def grow(session: Any) -> None:
        session.execute(sa.text("INSERT INTO big VALUES ('first')"))
        big = {'text': 'x' * 1_000_000}
        session.execute(sa.text('INSERT INTO big VALUES (:text)'), big)

    def limit(session: Any, pages: int) -> None:
        session.execute(sa.text(f'PRAGMA max_page_count = {pages}'))

    with pytest.raises(NoRoom, match='make room') as caught:
        database.write(lambda s: (limit(s, 5), grow(s)))
    assert caught.value.retryable
    assert caught.value.code == 'unreachable'
    count = sa.text('SELECT COUNT(*) FROM big')
    assert database.read(lambda s: s.scalar(count)) == 0
    database.write(lambda s: (limit(s, 10_000), grow(s)))
    assert database.read(lambda s: s.scalar(count)) == 2
    database.close()


def test_other_errors_stay_what_they_are(database: Database) -> None:
    def wrong(session: Any) -> None:
        session.execute(sa.text('INSERT INTO nothing VALUES (1)'))

    with pytest.raises(Exception, match='nothing') as caught:
        database.write(wrong)
    assert not isinstance(caught.value, NoRoom)
