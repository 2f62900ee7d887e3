# SPDX-License-Identifier: Apache-2.0
"""Rows survive each upgrade of the schema, from every revision there is, and
a schema that was released is only added to."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import script
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from coriolis_ng.db import migration, models
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from tests.beds import release

NOON = datetime.datetime(2026, 1, 1, 12, 0, 0, 123456)
TEXT = '{"was": "Ünï 🚚"}'
# What a revision took away on purpose, before the first release.
DROPPED = {('services', 'former')}
PLACE = 'coriolis_ng/db/alembic/versions'
Row = dict[str, Any]
Rows = dict[str, list[Row]]


def revisions() -> list[str]:
    """From the first to the newest."""
    chain = script.ScriptDirectory.from_config(migration.configuration())
    return [one.revision for one in chain.walk_revisions()][::-1]


def value(column: sa.Column[Any], number: int) -> Any:
    """Something that is like nothing else, of a type that a database told."""
    kind = column.type
    if isinstance(kind, sa.Boolean) or str(kind).startswith('TINYINT'):
        return number % 2
    if isinstance(kind, sa.DateTime):
        return NOON + datetime.timedelta(days=number)
    if isinstance(kind, sa.Float):
        return number + 0.25
    if isinstance(kind, sa.Integer):
        return number
    if 'BLOB' in str(kind):
        return bytes([0, 255, number % 256])
    length = getattr(kind, 'length', None)
    if length == 36:
        return new_id()
    if length is None or length > 1000:
        return TEXT
    return f'{column.name} {number} ü'[-length:]


def fill(connection: sa.Connection) -> Rows:
    """Two rows in every table, those of one referring to those of another;
    what is in the tables then."""
    tables = sa.MetaData()
    tables.reflect(connection)
    made: Rows = {}
    number = 0
    for table in tables.sorted_tables:
        if table.name == 'alembic_version':
            continue
        made[table.name] = []
        for turn in range(2):
            row: Row = {}
            for column in table.columns:
                number += 1
                row[column.name] = value(column, number)
            for key in table.foreign_key_constraints:
                there = made[key.referred_table.name][turn]
                for element in key.elements:
                    row[element.parent.name] = there[element.column.name]
            connection.execute(table.insert().values(**row))
            made[table.name].append(row)
    return made


def read(connection: sa.Connection, table: str, like: Row) -> list[Row]:
    """The columns of ``like`` that are still there."""
    found = sa.Table(table, sa.MetaData(), autoload_with=connection)
    columns = [found.c[name] for name in like if name in found.c]
    gone = {(table, name) for name in like if name not in found.c}
    assert gone <= DROPPED
    rows = connection.execute(sa.select(*columns)).mappings()
    return [dict(row) for row in rows]


def without(row: Row, names: set[str]) -> Row:
    return {name: row[name] for name in row if name not in names}


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=repr)


@pytest.mark.parametrize('revision', revisions())
def test_rows_survive_from_every_revision(url: str, revision: str) -> None:
    migration.sync(url, revision)
    database = Database(url)
    with database.writer() as session:
        before = fill(session.connection())
    assert migration.sync(url) == migration.newest()
    with database.reader() as session:
        connection = session.connection()
        for table, rows in before.items():
            dropped = {name for one, name in DROPPED if one == table}
            wanted = [
                without(row, dropped & _gone(connection, table))
                for row in rows
            ]
            found = read(connection, table, rows[0])
            assert in_order(found) == in_order(wanted), table
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, models.Base.metadata) == []
        for mapper in models.Base.registry.mappers:
            assert session.scalars(sa.select(mapper.class_)).all() is not None
    database.close()


def _gone(connection: sa.Connection, table: str) -> set[str]:
    there = {c['name'] for c in sa.inspect(connection).get_columns(table)}
    return {name for one, name in DROPPED if one == table} - there


def test_what_the_first_revision_did_not_say_is_found_out(url: str) -> None:
    """Used slots from the tasks that run, projects of the ledger's entries
    from what they belong to, incarnations from the last two."""
    migration.sync(url, '0001')
    database = Database(url)
    with database.writer() as session:
        rows = fill(session.connection())
        first, second = rows['services']
        task, _ = rows['tasks']
        execution, _ = rows['executions']
        entry, _ = rows['ledger']
        for text in (
            f"UPDATE tasks SET state = 'running', cleanup = 0,"
            f" service_id = '{first['id']}' WHERE id = '{task['id']}'",
            f"UPDATE ledger SET execution_id = '{execution['id']}',"
            f' transfer_id = NULL WHERE number = {entry["number"]}',
            f"UPDATE services SET former = '' WHERE id = '{second['id']}'",
        ):
            session.execute(sa.text(text))
    migration.sync(url)
    with database.reader() as session:
        used = dict(
            session.execute(
                sa.select(models.Slots.service_id, models.Slots.used)
            ).all()
        )
        assert used == {first['id']: 1, second['id']: 0}
        known = session.execute(
            sa.text('SELECT service_id, incarnation FROM incarnations')
        ).all()
        assert set(known) == {
            (first['id'], first['incarnation']),
            (first['id'], first['former']),
            (second['id'], second['incarnation']),
        }
        told = session.execute(
            sa.text(
                'SELECT project_id, tries, reason, retry_at FROM ledger'
                f' WHERE number = {entry["number"]}'
            )
        ).one()
        assert tuple(told) == (execution['project_id'], 0, '', None)
    database.close()


@pytest.fixture(scope='module')
def released(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The revisions as the release before has them."""
    return release.unpack(tmp_path_factory.mktemp('released')) / PLACE


def test_what_was_released_is_never_edited(released: pathlib.Path) -> None:
    here = pathlib.Path(migration.__file__).parent / 'alembic' / 'versions'
    files = sorted(released.glob('0*.py'))
    assert len(files) >= 5
    for file in files:
        assert (here / file.name).read_text() == file.read_text(), file.name


def test_the_release_before_can_write_into_the_newest_tables(
    released: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """It knows nothing of what was added: that may be empty, and nothing
    that it writes is gone or may not be empty any more."""
    last = max(file.name[:4] for file in released.glob('0*.py'))
    old = columns(tmp_path / 'old', last)
    new = columns(tmp_path / 'new', 'head')
    for table, known in old.items():
        assert known.keys() <= new[table].keys(), table
        for name, told in new[table].items():
            optional = told['nullable'] or told['default'] is not None
            if name in known:
                assert str(told['type']) == str(known[name]['type'])
                assert optional or not known[name]['nullable'], name
            else:
                assert optional, f'{table}.{name} must be written'


def columns(file: pathlib.Path, revision: str) -> dict[str, dict[str, Any]]:
    """Each column of each table, as SQLite tells it."""
    url = f'sqlite:///{file}'
    migration.sync(url, revision)
    engine = sa.create_engine(url)
    told = sa.inspect(engine)
    found = {
        table: {one['name']: one for one in told.get_columns(table)}
        for table in told.get_table_names()
    }
    engine.dispose()
    return found
