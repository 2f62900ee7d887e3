# SPDX-License-Identifier: Apache-2.0
"""Figures about all rows: their values, and that they cost the same."""

from __future__ import annotations

import datetime
import math

import msgspec
import sqlalchemy as sa

from coriolis_ng.conductor.metrics import RowMetrics
from coriolis_ng.db import api as db
from coriolis_ng.db.session import Database
from coriolis_ng.objects.recovery_point import Copied
from coriolis_ng.objects.task import Progress
from tests.unit.db import make

UTC = datetime.UTC


def samples(database: Database, **more: bool) -> dict[tuple[str, ...], float]:
    figures = RowMetrics(database, keep_seconds=0, **more)
    return {
        (one.name, *one.labels.values()): one.value
        for family in figures.collect()
        for one in family.samples
    }


def statements(database: Database, *, per_transfer: bool = True) -> int:
    seen: list[str] = []

    def note(
        _connection: object, _cursor: object, text: str, *_: object
    ) -> None:
        if text.lstrip().upper().startswith('SELECT'):
            seen.append(text)

    sa.event.listen(database.engine, 'before_cursor_execute', note)
    samples(database, per_transfer=per_transfer)
    sa.event.remove(database.engine, 'before_cursor_execute', note)
    return len(seen)


def add_point(
    database: Database,
    transfer_id: str,
    instance: str,
    seconds: float,
    **copied: int,
) -> None:
    at = datetime.datetime.now(UTC) - datetime.timedelta(seconds=seconds)
    point = msgspec.structs.replace(
        make.point(transfer_id, instance=instance),
        created_at=at,
        copied=(Copied(disk_id='vda', seconds=4.0, **copied),) * 2,
    )
    database.write(
        lambda s: db.recovery_points.save(s, transfer_id, [], [point])
    )


def test_lag_and_the_last_copy(database: Database) -> None:
    one = make.transfer(database, instances=('a', 'b'))
    lag = ('coriolis_transfer_lag_seconds', 'p1', one.id)
    assert samples(database)[lag] == math.inf
    add_point(database, one.id, 'a', 7200, read=5)
    add_point(database, one.id, 'a', 60, read=100, sent=50, written=40)
    assert samples(database)[lag] == math.inf
    add_point(database, one.id, 'b', 3600, read=1, sent=2, written=3)
    found = samples(database)
    assert 3600 <= found[lag] < 3700
    assert found[('coriolis_replication_lag_max_seconds',)] == found[lag]
    last = ('coriolis_transfer_last_copy_bytes', 'p1', one.id)
    assert found[*last, 'read'] == 202
    assert found[*last, 'sent'] == 104
    assert found[*last, 'written'] == 86
    assert found['coriolis_transfer_last_copy_seconds', 'p1', one.id] == 4


def test_what_runs_and_what_waits(database: Database) -> None:
    execution, [first, *_] = make.running(database, tasks=4)
    service = make.worker(database)
    assert make.start(database, first, service)
    progress = [
        Progress(item='vda', done=10, total=100, rate=2.5),
        Progress(item='vdb', done=20, total=50),
        Progress(item='steps', done=1, total=2, unit='steps'),
    ]
    assert database.write(
        lambda s: db.reports.save(s, first, 1, progress=progress)
    )
    [second, third] = [
        id
        for id in database.read(lambda s: db.tasks.nodes(s, execution.id))
        if id != first
    ][:2]
    for id, host in ((second, 'h1'), (third, 'h22')):
        why = f"Waiting: no worker of '{host}' has 3 slots"
        database.write(
            lambda s, id=id, why=why: db.tasks.wait(s, [id], 0, why)
        )
    found = samples(database)
    assert found['coriolis_executions', 'running'] == 1
    assert found['coriolis_executions', 'done'] == 0
    assert found['coriolis_executions_running', 'transfer_execution'] == 1
    assert found['coriolis_tasks_running', 'GetVm'] == 1
    pending = 'coriolis_tasks_pending'
    assert found[pending, 'no worker of * has * slots'] == 2
    assert found[pending, 'earlier tasks'] == 1
    ids = ('p1', execution.owner_id)
    assert found['coriolis_transfer_bytes_per_second', *ids] == 2.5
    assert found['coriolis_transfer_running_bytes', *ids, 'done'] == 30
    assert found['coriolis_transfer_running_bytes', *ids, 'total'] == 150
    up = ('coriolis_service_up', service.host, 'coriolis-worker')
    assert found[up] == 1
    assert found['coriolis_worker_slots', service.host] == service.capacity
    assert found['coriolis_worker_slots_used', service.host] == 1


def test_without_single_transfers(database: Database) -> None:
    make.transfer(database)
    found = samples(database, per_transfer=False)
    assert found[('coriolis_transfers',)] == 1
    assert not [
        key for key in found if key[0].startswith('coriolis_transfer_')
    ]


def test_the_number_of_statements_is_constant(database: Database) -> None:
    assert statements(database) == 9
    assert statements(database, per_transfer=False) == 7
    for _ in range(3):
        made, tasks = make.running(database)
        add_point(database, made.owner_id, 'web', 1, read=1)
        make.start(database, tasks[0], make.worker(database))
    assert statements(database) == 9
    assert statements(database, per_transfer=False) == 7


def test_a_database_that_is_away(database: Database) -> None:
    with database.writer() as session:
        session.execute(sa.text('ALTER TABLE recovery_points RENAME TO gone'))
    try:
        assert samples(database) == {('coriolis_database_up',): 0}
    finally:
        with database.writer() as session:
            session.execute(
                sa.text('ALTER TABLE gone RENAME TO recovery_points')
            )
