# SPDX-License-Identifier: Apache-2.0
"""The chain of migrations builds exactly what the models say."""

from __future__ import annotations

import pathlib
import urllib.parse

import pytest
import sqlalchemy as sa
from alembic import script
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from coriolis_ng.db import migration, models
from coriolis_ng.db.session import Database
from tests.unit.db import make


def test_from_nothing_to_the_newest(url: str) -> None:
    assert migration.version(url) is None
    assert migration.sync(url) == migration.newest()
    assert migration.version(url) == migration.newest()
    assert migration.sync(url) == migration.newest()


def test_models_and_migrations_agree(database: Database) -> None:
    with database.reader() as session:
        context = MigrationContext.configure(
            session.connection(),
            opts={'compare_type': True, 'compare_server_default': True},
        )
        assert compare_metadata(context, models.Base.metadata) == []


def test_a_difference_would_be_seen(url: str) -> None:
    migration.sync(url)
    database = Database(url)
    with database.writer() as session:
        session.execute(sa.text('DROP TABLE secrets'))
        session.execute(sa.text('ALTER TABLE ledger DROP COLUMN parent'))
    with database.reader() as session:
        context = MigrationContext.configure(session.connection())
        found = compare_metadata(context, models.Base.metadata)
    database.close()
    assert {difference[0] for difference in found} == {
        'add_table',
        'add_column',
    }


def test_the_chain_is_linear() -> None:
    chain = script.ScriptDirectory.from_config(migration.configuration())
    assert len(chain.get_heads()) == 1
    assert len(chain.get_bases()) == 1
    for revision in chain.walk_revisions():
        assert not revision.is_branch_point
        assert not revision.is_merge_point


def test_several_may_sync_at_once(url: str) -> None:
    reached = make.race(3, lambda _: migration.sync(url))
    assert set(reached) == {migration.newest()}


def test_sqlite_takes_back_a_failed_sync(tmp_path: pathlib.Path) -> None:
    url = f'sqlite:///{tmp_path}/rows.db'
    database = Database(url)
    with database.writer() as session:
        session.execute(sa.text('CREATE TABLE secrets (id INTEGER)'))
    with pytest.raises(Exception, match='secrets'):
        migration.sync(url)
    assert migration.version(url) is None
    assert sa.inspect(database.engine).get_table_names() == ['secrets']
    database.close()


def test_a_percent_sign_in_the_place_does_no_harm(
    tmp_path: pathlib.Path,
) -> None:
    place = tmp_path / 'a%20b'
    place.mkdir()
    url = f'sqlite:///{urllib.parse.quote(str(place))}/rows.db'
    assert migration.sync(url) == migration.newest()
