# SPDX-License-Identifier: Apache-2.0
"""Transactions on SQLite and MariaDB.

SQLite has one writer: a writing transaction takes the lock when it begins,
so that reading and then writing can never fail half-way; readers see their
snapshot and wait for nobody.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from oslo_db import exception
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy.orm import Session

from coriolis_ng.db.clock import later
from coriolis_ng.db.errors import Away, Changed, NoRoom
from coriolis_ng.outage import Outage

LOG = logging.getLogger(__name__)

T = TypeVar('T')

BUSY_MILLISECONDS = 60_000
ATTEMPTS = 10
# An option of a connection: the transaction that begins is going to write.
_WRITES = 'coriolis_writes'
# What a full disk looks like: SQLite may say that it cannot write its log.
_SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
# ER_DISK_FULL and ER_RECORD_FILE_FULL.
_MARIADB_FULL = {1021, 1114}
# Too many connections; no part of the cluster (at the commit: 1180); shutting
# down; read only (twice); connection killed. The driver reports what it lost
# by itself.
_MARIADB_AWAY = {1040, 1047, 1053, 1180, 1290, 1836, 1927}


class _Scope:
    """What enginefacade hangs a transaction on; a new one for each, so
    that transactions never nest by accident."""


class Database:
    """A database by its URL: ``sqlite:////path`` or ``mysql+pymysql://``.

    ``options`` are those of oslo.db's ``[database]`` group. Safe to share
    between threads; a new process makes its own. Without ``foreign_keys``
    SQLite does not look after them.
    """

    def __init__(
        self,
        connection_url: str,
        *,
        foreign_keys: bool = True,
        **options: Any,
    ) -> None:
        url = sa.make_url(connection_url)
        self._sqlite = url.get_backend_name() == 'sqlite'
        if not self._sqlite and 'charset' not in url.query:
            # oslo.db would choose the charset without emoji.
            url = url.update_query_dict({'charset': 'utf8mb4'})
        self._one_writer = threading.Lock()
        self._owner: int | None = None
        self._outage = Outage('The database', LOG)
        self._waits_for_peers = 'mysql_wsrep_sync_wait' not in options
        self._facade = enginefacade.transaction_context()
        self._facade.configure(
            connection=url.render_as_string(hide_password=False),
            sqlite_fk=foreign_keys,
            on_engine_create=[],
            **options,
        )
        self._facade.append_on_engine_create(self._prepare)
        self._anchor: Any = None

    @property
    def engine(self) -> sa.Engine:
        """For migrations and tests."""
        return self._facade.writer.get_engine()

    @contextlib.contextmanager
    def reader(self) -> Iterator[Session]:
        """A transaction that only reads, on one snapshot with SQLite.
        Raises ``Away`` when the database is."""
        try:
            with self._told(), self._facade.reader.using(_Scope()) as session:
                yield session
        except exception.DBDeadlock as error:
            # Nobody waits for a lock here: it is the node of a cluster that
            # did not hear of the others' commits for too long.
            raise Away('a read timed out') from error

    @contextlib.contextmanager
    def writer(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block.

        Raises ``RuntimeError`` inside another one of the same thread on
        SQLite, where it would wait for itself, ``NoRoom`` when the disk is
        full, and ``Away`` when there is no database.
        """
        if not self._sqlite:
            with self._told(), self._facade.writer.using(_Scope()) as one:
                yield one
            return
        if self._owner == threading.get_ident():
            raise RuntimeError('a writing transaction inside another one')
        # Threads queue here and not in SQLite, which polls and is unfair.
        with self._one_writer:
            self._owner = threading.get_ident()
            try:
                with (
                    self._told(),
                    self._facade.writer.using(_Scope()) as session,
                ):
                    session.connection(execution_options={_WRITES: True})
                    yield session
            finally:
                self._owner = None

    def write(self, fn: Callable[[Session], T]) -> T:
        """``fn(session)`` in one transaction, run again (from its start)
        after a deadlock, a conflict of Galera or a lost race for a row."""
        for attempt in range(1, ATTEMPTS):
            try:
                with self.writer() as session:
                    return fn(session)
            except (exception.DBDeadlock, exception.RetryRequest, Changed):
                # Random, so that two that collided do not collide again.
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        with self.writer() as session:
            return fn(session)

    def read(self, fn: Callable[[Session], T]) -> T:
        """``fn(session)`` in one reading transaction."""
        with self.reader() as session:
            return fn(session)

    def now(self, session: Session) -> datetime.datetime:
        """The database's clock."""
        return now(session)

    def close(self) -> None:
        """Gives all connections back; the object can be used again."""
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None
        self._facade.dispose_pool()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Calls what is wrong with the server, not with us, by its name."""
        try:
            yield
        except (exception.DBError, sa.exc.DBAPIError) as error:
            driver = _driver_error(error)
            if _is_full(driver):
                raise NoRoom(str(error)[:500]) from error
            if _is_away(error, driver):
                # Without the statement: it may hold anything.
                self._outage.begin(driver)
                raise Away(str(driver)) from error
            raise
        self._outage.end()

    def _prepare(self, engine: sa.Engine) -> None:
        if not self._sqlite:
            sa.event.listen(engine, 'connect', _read_committed)
            if self._waits_for_peers:
                sa.event.listen(engine, 'connect', _wait_for_peers)
            return
        sa.event.listen(engine, 'connect', _wait_when_busy)
        sa.event.listen(
            engine, 'before_cursor_execute', _begin_immediate, retval=True
        )
        # The last connection to close would fold the log into the file,
        # after each transaction; this one stays.
        self._anchor = engine.raw_connection()
        _write_ahead(self._anchor.cursor())


def _driver_error(error: BaseException) -> BaseException | None:
    """What the driver raised, below the layers above it."""
    inner: BaseException | None = error
    if isinstance(inner, exception.DBError):
        inner = inner.inner_exception
    if isinstance(inner, sa.exc.DBAPIError):
        inner = inner.orig
    return inner


def _code(driver: BaseException | None) -> object:
    """MariaDB's number of an error."""
    return driver.args[0] if driver is not None and driver.args else None


def _is_full(driver: BaseException | None) -> bool:
    if isinstance(driver, sqlite3.Error):
        return getattr(driver, 'sqlite_errorcode', 0) in _SQLITE_FULL
    return _code(driver) in _MARIADB_FULL


def _is_away(error: BaseException, driver: BaseException | None) -> bool:
    if isinstance(driver, sqlite3.Error):
        return False
    return (
        isinstance(error, exception.DBConnectionError)
        or _code(driver) in _MARIADB_AWAY
    )


def now(session: Session) -> datetime.datetime:
    """The database's clock, in UTC."""
    value = session.scalar(sa.select(later(0)))
    assert value is not None
    return value


def _begin_immediate(
    connection: sa.Connection,
    cursor: object,
    statement: str,
    parameters: object,
    context: object,
    executemany: bool,
) -> tuple[str, object]:
    # oslo.db sends BEGIN by itself, and offers no other way to change it.
    if statement == 'BEGIN' and connection.get_execution_options().get(
        _WRITES
    ):
        statement = 'BEGIN IMMEDIATE'
    return statement, parameters


def _wait_when_busy(connection: Any, record: object) -> None:
    connection.execute(f'PRAGMA busy_timeout = {BUSY_MILLISECONDS}')


def _write_ahead(cursor: Any) -> None:
    """The mode stays in the file, and changing it is refused, without any
    waiting, while another process looks at the file."""
    for _ in range(100):
        try:
            cursor.execute('PRAGMA journal_mode = WAL')
        except cursor.connection.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise exception.DBError('the database file cannot be used: it is locked')


def _read_committed(connection: Any, record: object) -> None:
    # A compare-and-swap looks at the newest row anyway; repeatable reads
    # only add locks on gaps, and with them deadlocks.
    with connection.cursor() as cursor:
        cursor.execute(
            'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'
        )


def _wait_for_peers(connection: Any, record: object) -> None:
    # On a node of a Galera cluster each statement sees all that was
    # committed on any other before it: a worker asks one conductor about
    # what it has just heard from another.
    with connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
        if cursor.fetchone() == ('wsrep_on', 'ON'):
            cursor.execute('SET SESSION wsrep_sync_wait = 7')
