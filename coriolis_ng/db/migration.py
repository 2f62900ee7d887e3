# SPDX-License-Identifier: Apache-2.0
"""Brings a database's schema up to what this release needs.

A release's revisions only add (expand), so that the release before can run
on the new schema while services are upgraded one by one.
"""

from __future__ import annotations

import pathlib

import sqlalchemy as sa
from alembic import command, config, script
from alembic.runtime import migration

from coriolis_ng.db.session import Database

_HERE = pathlib.Path(__file__).parent / 'alembic'


def sync(connection_url: str, revision: str = 'head') -> str:
    """Applies all missing revisions; gives the revision reached.

    May run in several processes at once: one works and the others wait.
    """
    # SQLite changes a table by making another one and dropping the first,
    # and with that one would go all rows that refer to it.
    database = Database(connection_url, foreign_keys=False)
    try:
        with database.writer() as session:
            connection = session.connection()
            _wait_for_turn(connection)
            try:
                settings = configuration()
                settings.attributes['connection'] = connection
                command.upgrade(settings, revision)
                return _version(connection) or ''
            finally:
                _give_turn(connection)
    finally:
        database.close()


def version(connection_url: str) -> str | None:
    """The revision of the schema; None for an empty database."""
    database = Database(connection_url)
    try:
        with database.reader() as session:
            return _version(session.connection())
    finally:
        database.close()


def newest() -> str:
    """The revision that this release needs."""
    head = script.ScriptDirectory.from_config(configuration())
    revision = head.get_current_head()
    assert revision is not None
    return revision


def configuration() -> config.Config:
    """What alembic would otherwise read from a file."""
    settings = config.Config()
    # A percent sign in a path would be read as an interpolation.
    place = str(_HERE).replace('%', '%%')
    settings.set_main_option('script_location', place)
    settings.set_main_option('path_separator', 'os')
    return settings


def _version(connection: sa.Connection) -> str | None:
    return migration.MigrationContext.configure(
        connection
    ).get_current_revision()


def _wait_for_turn(connection: sa.Connection) -> None:
    """SQLite has one writer anyway; MariaDB commits with each CREATE, so
    a named lock of the connection guards the whole."""
    if connection.dialect.name != 'sqlite':
        name = 'coriolis_ng_schema'
        connection.execute(sa.text('SELECT GET_LOCK(:n, 600)'), {'n': name})


def _give_turn(connection: sa.Connection) -> None:
    if connection.dialect.name != 'sqlite' and not connection.invalidated:
        name = 'coriolis_ng_schema'
        connection.execute(sa.text('SELECT RELEASE_LOCK(:n)'), {'n': name})
