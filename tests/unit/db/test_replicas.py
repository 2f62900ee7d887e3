# SPDX-License-Identifier: Apache-2.0
"""Replicas: versions, disks of their own rows, recovery points."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.errors import Changed
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.replica import Replica, ReplicaDisk
from coriolis_ng.objects.volume import Volume
from tests.unit.db import make

replace = msgspec.structs.replace


def _disk(name: str, dirty: bool = False) -> ReplicaDisk:
    return ReplicaDisk(
        disk_id=name,
        volume=Volume(id=f'vol-{name}', disk_id=name, size=5, zeroed=True),
        dirty=dirty,
        checkpoint='mark1',
    )


def _read(database: Database, id: str, name: str = 'web') -> Replica:
    return database.read(lambda s: db.replicas.get(s, id, name))


def _save(database: Database, before: Replica, after: Replica) -> Replica:
    return database.write(lambda s: db.replicas.save(s, before, after))


def test_none_is_an_empty_one(database: Database) -> None:
    id = make.transfer(database).id
    assert _read(database, id) == Replica(transfer_id=id, instance='web')
    assert database.read(lambda s: db.replicas.list(s, id)) == []


def test_it_comes_back_as_it_was_saved(database: Database) -> None:
    id = make.transfer(database).id
    empty = _read(database, id)
    full = replace(
        empty,
        vm=make.vm(),
        disks=(_disk('vdb'), _disk('vda', dirty=True)),
        points=(make.point(id, 2), make.point(id, 1)),
        full_reason='first copy',
    )
    saved = _save(database, empty, full)
    assert saved == replace(full, version=1)
    assert _read(database, id) == saved


def test_disks_and_points_come_and_go(database: Database) -> None:
    id = make.transfer(database).id
    old = [make.point(id, n) for n in range(3)]
    first = replace(
        _read(database, id),
        disks=(_disk('a'), _disk('b')),
        points=tuple(old[::-1]),
    )
    first = _save(database, _read(database, id), first)
    new = make.point(id, 9)
    second = replace(
        first,
        disks=(_disk('c'), _disk('b', dirty=True)),
        points=(new, old[2]),
    )
    assert _save(database, first, second) == replace(second, version=2)
    assert _read(database, id) == replace(second, version=2)
    with pytest.raises(errors.NotFound):
        database.read(lambda s: db.recovery_points.get(s, old[0].id))


def test_a_stale_version_changes_nothing(database: Database) -> None:
    id = make.transfer(database).id
    read = _read(database, id)
    won = _save(database, read, replace(read, full_reason='won'))
    lost = replace(
        read, full_reason='lost', disks=(_disk('a'),), points=(make.point(id),)
    )
    for stale in (read, replace(won, version=7)):
        with pytest.raises(Changed), database.writer() as session:
            db.replicas.save(session, stale, lost)
    assert _read(database, id) == won


def test_changes_at_once_are_all_there(database: Database) -> None:
    id = make.transfer(database).id

    def add(number: int) -> None:
        def fn(session: object) -> None:
            before = db.replicas.get(session, id, 'web')  # type: ignore[arg-type]
            after = replace(before, disks=(*before.disks, _disk(f'd{number}')))
            db.replicas.save(session, before, after)  # type: ignore[arg-type]

        database.write(fn)

    make.race(5, add)
    found = _read(database, id)
    assert {d.disk_id for d in found.disks} == {f'd{n}' for n in range(5)}
    assert found.version == 5


def test_two_machines_never_meet(database: Database) -> None:
    id = make.transfer(database, instances=('a', 'b')).id
    a, b = _read(database, id, 'a'), _read(database, id, 'b')
    a = _save(database, a, replace(a, disks=(_disk('vda'),)))
    b = _save(database, b, replace(b, disks=(_disk('vda', dirty=True),)))
    assert database.read(lambda s: db.replicas.list(s, id)) == [a, b]


def test_a_pin_is_seen_by_who_decides_what_to_drop(
    database: Database,
) -> None:
    id = make.transfer(database).id
    read = _read(database, id)
    point = make.point(id)
    read = _save(database, read, replace(read, points=(point,)))
    pinned = database.write(
        lambda s: db.recovery_points.set_pinned(s, point.id, True)
    )
    assert pinned == replace(point, pinned=True)
    with pytest.raises(Changed), database.writer() as session:
        db.replicas.save(session, read, replace(read, points=()))
    assert _read(database, id).points == (pinned,)


def test_clones_keep_a_point(database: Database) -> None:
    id = make.transfer(database).id
    read = _read(database, id)
    point = make.point(id)
    _save(database, read, replace(read, points=(point,)))

    def count() -> int:
        return database.read(
            lambda s: len(db.recovery_points.held_by(s, point.id))
        )

    assert count() == 0
    given = make.deployment(id)
    given = replace(
        given,
        instances=(replace(given.instances[0], recovery_point_id=point.id),),
    )
    database.write(lambda s: db.deployments.create(s, given))
    run = make.execution(database, given.id)
    assert count() == 1
    database.write(
        lambda s: db.executions.end(s, run.id, ExecutionState.FAILED)
    )
    assert count() == 0  # a failed one without a machine left nothing
    vm = given.instances[0]
    database.write(
        lambda s: db.deployments.save(s, vm, replace(vm, vm=make.vm()))
    )
    assert count() == 1
    database.write(lambda s: db.deployments.delete(s, given.id))
    assert count() == 0
