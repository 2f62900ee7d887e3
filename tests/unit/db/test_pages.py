# SPDX-License-Identifier: Apache-2.0
"""Lists: pages without gaps, and a constant number of statements."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.api import Page
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.endpoint import Endpoint
from tests.unit.db import make


@pytest.fixture
def names(database: Database) -> list[str]:
    """Seven endpoints, three of them of one moment; oldest first."""

    def rows(session: Any) -> list[Endpoint]:
        minutes = [0, 1, 1, 1, 2, 3, 4]
        return [
            db.endpoints.create(
                session,
                msgspec.structs.replace(
                    make.endpoint(name=f'n{9 - number}'),
                    type='kvm' if number % 2 else 'vmware',
                    created_at=make.NOON + datetime.timedelta(minutes=late),
                ),
            )
            for number, late in enumerate(minutes)
        ]

    made = database.write(rows)
    return [one.id for one in sorted(made, key=lambda e: (e.created_at, e.id))]


def _walk(database: Database, **page: Any) -> list[Endpoint]:
    found: list[Endpoint] = []
    while True:
        marker = found[-1].id if found else None
        asked = Page(limit=2, marker=marker, **page)
        some = database.read(lambda s, p=asked: db.endpoints.list(s, 'p1', p))
        assert len(some) <= 2
        if not some:
            return found
        found.extend(some)


def test_newest_first_by_default(database: Database, names: list[str]) -> None:
    found = database.read(lambda s: db.endpoints.list(s, 'p1'))
    assert [one.id for one in found] == names[::-1]


def test_pages_have_no_gaps(database: Database, names: list[str]) -> None:
    assert [one.id for one in _walk(database)] == names[::-1]
    up = (('created_at', 'asc'),)
    assert [one.id for one in _walk(database, sort=up)] == names


def test_pages_by_several_keys(database: Database, names: list[str]) -> None:
    found = _walk(database, sort=(('type', 'asc'), ('name', 'desc')))
    # sorted() keeps the order of equals: the last key first.
    expected = sorted(found, key=lambda e: e.name, reverse=True)
    expected = sorted(expected, key=lambda e: e.type)
    assert found == expected
    assert len(found) == len(names)


def test_pages_by_the_last_change(
    database: Database, names: list[str]
) -> None:
    """What was never changed counts as changed when it was made."""
    up = (('updated_at', 'asc'),)
    assert [one.id for one in _walk(database, sort=up)] == names
    changed = [names[5], names[1]]
    for id in changed:
        one = database.read(lambda s, i=id: db.endpoints.get(s, i))
        database.write(
            lambda s, o=one: db.endpoints.update(
                s, msgspec.structs.replace(o, description='new')
            )
        )
    expected = [id for id in names if id not in changed] + changed
    assert [one.id for one in _walk(database, sort=up)] == expected
    down = (('updated_at', 'desc'),)
    found = [one.id for one in _walk(database, sort=down)]
    assert found[:2] == changed[::-1]
    assert sorted(found) == sorted(names)


def test_points_have_no_last_change(database: Database) -> None:
    page = Page(sort=(('updated_at', 'asc'),))
    with pytest.raises(errors.InvalidInput):
        database.read(lambda s: db.recovery_points.list(s, 'p1', None, page))


def test_a_filter_narrows_a_page(database: Database, names: list[str]) -> None:
    found = _walk(database, filters={'type': 'kvm'})
    assert [one.type for one in found] == ['kvm'] * 3


@pytest.mark.parametrize(
    ('page', 'field'),
    [
        (Page(limit=0), '$.limit'),
        (Page(limit=-1), '$.limit'),
        (Page(limit=1001), '$.limit'),
        (Page(limit='2'), '$.limit'),  # type: ignore[arg-type]
        (Page(marker='nowhere'), '$.marker'),
        (Page(sort=(('secret', 'asc'),)), '$.sort_key'),
        (Page(sort=(('name', 'up'),)), '$.sort_dir'),
        (Page(filters={'secret': 'ref-1'}), '$.secret'),
    ],
)
def test_a_wrong_page_names_the_field(
    database: Database, page: Page, field: str
) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        database.read(lambda s: db.endpoints.list(s, 'p1', page))
    assert caught.value.field == field


def test_a_marker_of_another_project_is_unknown(
    database: Database, names: list[str]
) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        database.read(
            lambda s: db.endpoints.list(s, 'p2', Page(marker=names[0]))
        )
    assert caught.value.field == '$.marker'


def test_all_projects_for_an_administrator(database: Database) -> None:
    for project in ('p1', 'p2'):
        made = make.endpoint(project)
        database.write(lambda s, m=made: db.endpoints.create(s, m))
    assert len(database.read(lambda s: db.endpoints.list(s, None))) == 2


@contextlib.contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    said: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement != 'BEGIN':
            said.append(statement)

    sa.event.listen(database.engine, 'before_cursor_execute', note)
    yield said
    sa.event.remove(database.engine, 'before_cursor_execute', note)


def _fill(database: Database) -> str:
    made = make.transfer(database)
    names = ('a', 'b')
    given = make.deployment(made.id, names)
    database.write(lambda s: db.deployments.create(s, given))
    make.execution(database, made.id, tasks=3)
    for name in names:
        empty = database.read(lambda s, n=name: db.replicas.get(s, made.id, n))
        points = tuple(make.point(made.id, n, name) for n in range(3))
        full = msgspec.structs.replace(empty, vm=make.vm(), points=points)
        database.write(lambda s, e=empty, f=full: db.replicas.save(s, e, f))
    return made.id


def test_lists_take_a_constant_number_of_statements(
    database: Database,
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            id = _fill(database)
        with _counted(database) as said, database.reader() as session:
            transfers = db.transfers.list(session, 'p1')
            runs = db.executions.list(session, None, with_tasks=True)
            db.transfers.several(session, [one.id for one in transfers])
            deployments = db.deployments.list(session, 'p1')
            points = db.recovery_points.list(session, 'p1')
            replicas = db.replicas.list(session, id)
            kept = db.replicas.several(session, [t.id for t in transfers])
        counts.append(len(said))
        assert len(transfers) == len(runs) == len(deployments)
        assert [len(one.tasks) for one in runs] == [3] * len(runs)
        assert len(points) == 6 * len(transfers)
        assert [len(one.points) for one in replicas] == [3, 3]
        assert [len(of_one) for of_one in kept.values()] == [2] * len(kept)
        assert kept[id] == replicas
    assert counts == [15, 15]


def test_points_of_one_transfer(database: Database) -> None:
    first, second = _fill(database), _fill(database)
    found = database.read(
        lambda s: db.recovery_points.list(
            s, 'p1', second, Page(limit=4, filters={'instance': 'b'})
        )
    )
    assert [(p.transfer_id, p.instance) for p in found] == [(second, 'b')] * 3
    times = [p.created_at for p in found]
    assert times == sorted(times, reverse=True)
    assert first != second
    assert not database.read(
        lambda s: db.recovery_points.list(s, 'p1', new_id())
    )
