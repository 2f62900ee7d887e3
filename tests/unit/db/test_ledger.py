# SPDX-License-Identifier: Apache-2.0
"""The ledger, services and ciphertext rows."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.api.secrets import Rows
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.service import ProviderInfo
from tests.unit.db import make

VOLUME = Resource(
    kind=ResourceKind.VOLUME, id='Vol', tag='coriolis:e:t', side=Side.TARGET
)


def _record(
    database: Database, task: str, resource: Resource, attempt: int = 1
) -> None:
    database.write(
        lambda s: db.ledger.created(
            s, task, attempt, resource, endpoint_id='ep', transfer_id='t1'
        )
    )


def test_an_entry_is_there_before_the_thing(database: Database) -> None:
    run, ids = make.running(database)
    worker = make.worker(database)
    with pytest.raises(errors.Stale):
        _record(database, ids[0], VOLUME)
    make.start(database, ids[0], worker)
    with pytest.raises(errors.Stale):
        _record(database, ids[0], VOLUME, attempt=2)
    _record(database, ids[0], VOLUME)
    (entry,) = database.read(db.ledger.rows)
    assert entry.resource == VOLUME
    assert (entry.execution_id, entry.task_id) == (run.id, ids[0])
    assert (entry.endpoint_id, entry.transfer_id) == ('ep', 't1')
    assert (entry.instance, entry.ended) == ('web', False)


def test_the_next_attempt_takes_an_entry_over(database: Database) -> None:
    _, ids = make.running(database)
    worker = make.worker(database)
    make.start(database, ids[0], worker)
    _record(database, ids[0], VOLUME)
    database.write(lambda s: db.tasks.requeue(s, ids[0], 1, 0, 'lost'))
    with pytest.raises(errors.Stale):
        _record(database, ids[0], VOLUME)
    make.start(database, ids[0], worker, attempt=1)
    _record(database, ids[0], VOLUME, attempt=2)
    entries = database.read(lambda s: db.ledger.rows(s, task_ids=ids))
    assert [e.resource.attempt for e in entries] == [2]


def test_entries_are_found_and_dropped(database: Database) -> None:
    run, ids = make.running(database, tasks=3)
    worker = make.worker(database)
    for id in ids[:2]:
        make.start(database, id, worker)
    view = msgspec.structs.replace(
        VOLUME, kind=ResourceKind.SNAPSHOT, id='vol', side=Side.SOURCE
    )
    lower = msgspec.structs.replace(VOLUME, id='vol')
    _record(database, ids[0], VOLUME)
    _record(database, ids[0], view)
    _record(database, ids[1], lower)

    def found(**where: object) -> list[Resource]:
        entries = database.read(lambda s: db.ledger.rows(s, **where))  # type: ignore[arg-type]
        return [e.resource for e in entries]

    assert found() == [VOLUME, view, lower]
    assert found(task_ids=[ids[1]]) == [lower]
    assert found(task_ids=[]) == []
    assert found(sides=[Side.SOURCE]) == [view]
    assert found(kinds=[ResourceKind.VOLUME]) == [VOLUME, lower]
    assert found(execution_id=run.id, transfer_id='t1') == found()
    assert found(transfer_id='t2') == found(instance='db') == []

    drop = db.ledger.dropped
    kind = ResourceKind.VOLUME
    assert not database.write(lambda s: drop(s, kind, 'vol', transfer_id='t2'))
    assert database.write(lambda s: drop(s, kind, 'vol')) == 1
    assert database.write(lambda s: drop(s, kind, 'vol')) == 0
    assert found() == [VOLUME, view]


def test_an_entry_knows_that_its_execution_ended(
    database: Database,
) -> None:
    run, ids = make.running(database)
    make.start(database, ids[0], make.worker(database))
    _record(database, ids[0], VOLUME)
    end = db.executions.end
    database.write(lambda s: end(s, run.id, ExecutionState.FAILED))
    (entry,) = database.read(db.ledger.rows)
    assert entry.ended
    database.write(lambda s: db.transfers.delete(s, run.owner_id))
    (entry,) = database.read(db.ledger.rows)
    assert entry.ended  # and it is still there


def test_a_beat_makes_and_keeps_a_service(database: Database) -> None:
    info = ProviderInfo(
        name='kvm', capabilities=('exports',), schemas={'source': {'a': 1}}
    )
    made = make.worker(database, providers=(info,))
    assert (made.host, made.binary) == ('w1', 'coriolis-worker')
    assert (made.alive, made.enabled, made.load) == (True, True, 0)
    again = make.worker(database, capacity=3)
    assert (again.id, again.providers) == (made.id, (info,))
    assert again.capacity == 3
    assert again.alive_at is not None
    assert made.alive_at is not None
    assert again.alive_at >= made.alive_at
    found = database.read(lambda s: db.services.find(s, 'w1'))
    assert found.id == made.id
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.services.find(s, 'w2'))


def test_first_beats_at_once_make_one_service(database: Database) -> None:
    made = make.race(4, lambda _: make.worker(database))
    assert len({service.id for service in made}) == 1
    assert len(database.read(db.services.list)) == 1


def test_a_former_incarnation_stays_dead(database: Database) -> None:
    make.worker(database, incarnation='i1')
    made = make.worker(database, incarnation='i2')
    assert made.incarnation == 'i2'
    with pytest.raises(errors.Stale):
        make.worker(database, incarnation='i1')
    found = database.read(lambda s: db.services.get(s, made.id))
    assert found.incarnation == 'i2'


def test_services_tell_life_and_load(database: Database) -> None:
    _, ids = make.running(database, tasks=4)
    busy = make.worker(database)
    idle = make.worker(database, host='w2')
    for id in ids[:2]:
        make.start(database, id, busy)
    found = database.read(db.services.list)
    assert [(s.host, s.load, s.alive) for s in found] == [
        ('w1', 2, True),
        ('w2', 0, True),
    ]
    late = database.read(lambda s: db.services.list(s, lease_seconds=-1))
    assert [s.alive for s in late] == [False, False]
    assert database.read(lambda s: db.services.list(s, 'coriolis-api')) == []
    off = database.write(lambda s: db.services.update(s, idle.id, False))
    assert off.enabled is False
    assert make.worker(database, host='w2').enabled is False
    with pytest.raises(errors.Conflict):
        database.write(lambda s: db.services.delete(s, idle.id))
    with pytest.raises(errors.NotFound):
        database.write(lambda s: db.services.update(s, 'no', True))


def test_ciphertext_rows(database: Database) -> None:
    rows = Rows(database)
    rows.put('s1', 'p1', bytes(range(256)))
    assert rows.get('s1', 'p1') == bytes(range(256))
    for id, project in (('s1', 'p2'), ('s2', 'p1')):
        with pytest.raises(errors.NotFound):
            rows.get(id, project)
    rows.drop('s1', 'p2')
    assert rows.get('s1', 'p1')
    rows.drop('s1', 'p1')
    rows.drop('s1', 'p1')
    with pytest.raises(errors.NotFound):
        rows.get('s1', 'p1')
