# SPDX-License-Identifier: Apache-2.0
"""A fresh database for each test, on a SQLite file and on a real MariaDB.

The MariaDB is a private one, on loopback, without any logging to disk that
a test does not need. Where it is not installed its half is skipped.
"""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pymysql
import pytest

from coriolis_ng.db import migration, models
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id

USER, PASSWORD = 'coriolis', 'coriolis'


@dataclass(frozen=True)
class Mariadb:
    port: int

    def new(self) -> str:
        """The URL of a new empty database."""
        name = 'c' + new_id().replace('-', '')
        with pymysql.connect(
            host='127.0.0.1', port=self.port, user=USER, password=PASSWORD
        ) as connection:
            connection.cursor().execute(f'CREATE DATABASE {name}')
        place = f'127.0.0.1:{self.port}/{name}'
        return f'mysql+pymysql://{USER}:{PASSWORD}@{place}'


@pytest.fixture(scope='session')
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mariadb]:
    server = shutil.which('mariadbd', path=f'{os.environ["PATH"]}:/usr/sbin')
    if server is None:
        pytest.skip('MariaDB is NOT INSTALLED: half of these tests are off')
    place = tmp_path_factory.mktemp('mariadb')
    me = pwd.getpwuid(os.getuid()).pw_name
    subprocess.run(
        [
            'mariadb-install-db',
            '--no-defaults',
            f'--datadir={place}/data',
            f'--user={me}',
            '--auth-root-authentication-method=normal',
            '--skip-test-db',
        ],
        check=True,
        capture_output=True,
    )
    port = _free_port()
    with open(place / 'log', 'wb') as log:
        process = subprocess.Popen(
            [
                server,
                '--no-defaults',
                f'--datadir={place}/data',
                f'--user={me}',
                f'--socket={place}/s',
                '--bind-address=127.0.0.1',
                f'--port={port}',
                '--innodb-buffer-pool-size=64M',
                '--innodb-flush-log-at-trx-commit=0',
                '--skip-innodb-doublewrite',
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _wait(place, process)
        yield Mariadb(port)
    finally:
        process.terminate()
        process.wait(30)


def _wait(place: pathlib.Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with pymysql.connect(
                unix_socket=f'{place}/s', user='root'
            ) as connection:
                connection.cursor().execute(
                    f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY"
                    f" '{PASSWORD}'"
                )
                connection.cursor().execute(
                    f"GRANT ALL ON *.* TO {USER}@'127.0.0.1'"
                )
            return
        except pymysql.err.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((place / 'log').read_text())
            time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return int(listener.getsockname()[1])


BOTH = ['sqlite', pytest.param('mariadb', marks=pytest.mark.services)]


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """The URL of an empty database."""
    if request.param == 'sqlite':
        return f'sqlite:///{tmp_path}/rows.db'
    return str(request.getfixturevalue('mariadb').new())


@pytest.fixture(scope='session')
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A SQLite file with the newest schema and no rows."""
    place = tmp_path_factory.mktemp('template') / 'rows.db'
    migration.sync(f'sqlite:///{place}')
    return place


@pytest.fixture(scope='session')
def reused(mariadb: Mariadb) -> str:
    """One MariaDB database with the newest schema; tests empty it."""
    url = mariadb.new()
    migration.sync(url)
    return url


@pytest.fixture(params=BOTH)
def synced(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """The URL of a database with the newest schema and no rows."""
    if request.param == 'sqlite':
        shutil.copy(request.getfixturevalue('template'), tmp_path / 'rows.db')
        return f'sqlite:///{tmp_path}/rows.db'
    return str(request.getfixturevalue('reused'))


@pytest.fixture
def database(synced: str) -> Iterator[Database]:
    """A database with the newest schema and no rows."""
    database = Database(synced)
    if not synced.startswith('sqlite'):
        with database.writer() as session:
            for table in reversed(models.Base.metadata.sorted_tables):
                session.execute(table.delete())
    yield database
    database.close()
