# SPDX-License-Identifier: Apache-2.0
"""A database that is away is called so, and said so once."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng import errors
from coriolis_ng.db.errors import Away
from coriolis_ng.db.session import Database
from coriolis_ng.rpc import serializer

AWAY = [1040, 1047, 1053, 1180, 1290, 1836, 1927]


@pytest.fixture
def real(mariadb: Any) -> Iterator[Database]:
    database = Database(mariadb.new())
    yield database
    database.close()


def signal(code: int, state: str = 'HY000') -> sa.TextClause:
    """What makes the server answer with this error."""
    return sa.text(
        f"SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = {code}, "
        "MESSAGE_TEXT = 'the words of it'"
    )


def nobody() -> Database:
    """A database at a port where nobody listens."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = listener.getsockname()[1]
    return Database(
        f'mysql+pymysql://u:p@127.0.0.1:{port}/rows',
        max_retries=0,
        retry_interval=0,
    )


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.message for r in caplog.records if 'database is' in r.message]


def test_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    database = nobody()
    for work in (database.read, database.write):
        with pytest.raises(Away) as caught:
            work(lambda s: s.scalar(sa.text('SELECT 1')))
        assert caught.value.retryable
        assert caught.value.message == 'The database is away; try again.'
    [line] = said(caplog)
    assert line.startswith('The database is away: (2003, ')


@pytest.mark.services
@pytest.mark.parametrize('code', AWAY)
def test_what_a_server_that_cannot_work_says(
    real: Database, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """1047 is a node that is not, or not yet, a part of its cluster."""
    calls = []

    def ask(session: Any) -> None:
        calls.append(1)
        session.execute(signal(code, '08S01' if code == 1047 else 'HY000'))

    with pytest.raises(Away, match='The database is away'):
        real.write(ask)
    assert len(calls) == 1
    assert real.read(lambda s: s.scalar(sa.text('SELECT 1'))) == 1
    assert [line.split(':')[0] for line in said(caplog)] == [
        'The database is away',
        'The database is back after 0 s',
    ]


@pytest.mark.services
def test_a_connection_that_is_killed(real: Database) -> None:
    def suicide(session: Any) -> None:
        own = session.scalar(sa.text('SELECT CONNECTION_ID()'))
        with real.engine.connect() as other:
            other.execute(sa.text(f'KILL {own}'))
        session.execute(sa.text('SELECT 1'))

    with pytest.raises(Away):
        real.write(suicide)
    assert real.read(lambda s: s.scalar(sa.text('SELECT 1'))) == 1


@pytest.mark.services
@pytest.mark.parametrize('code', [1205, 1213])
def test_a_conflict_is_no_absence(real: Database, code: int) -> None:
    calls = []

    def conflict_once(session: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            words = {
                1205: 'Lock wait timeout exceeded; try restarting',
                1213: 'Deadlock found when trying to get lock; try',
            }
            session.execute(
                sa.text(
                    str(signal(code)).replace('the words of it', words[code])
                )
            )
        return 'done'

    assert real.write(conflict_once) == 'done'
    assert len(calls) == 2


@pytest.mark.services
def test_a_read_that_times_out(real: Database) -> None:
    """As on a node that waits in vain for the others' commits."""
    words = 'Lock wait timeout exceeded; try restarting transaction'
    text = str(signal(1205)).replace('the words of it', words)
    with pytest.raises(Away):
        real.read(lambda s: s.execute(sa.text(text)))


@pytest.mark.services
def test_any_other_error_stays_what_it_is(real: Database) -> None:
    with pytest.raises(Exception, match='no_such_table') as caught:
        real.read(lambda s: s.execute(sa.text('SELECT * FROM no_such_table')))
    assert not isinstance(caught.value, errors.CoriolisError)


def test_it_crosses_the_bus_as_something_to_try_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    there = serializer.to_error(serializer.pack_error(Away('x'))['error'])
    assert isinstance(there, errors.Unreachable)
    assert there.retryable
