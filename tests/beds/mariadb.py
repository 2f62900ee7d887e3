# SPDX-License-Identifier: Apache-2.0
"""A MariaDB of one's own on loopback, up in about a second."""

import pathlib
import shutil
import subprocess
import tempfile
from types import TracebackType
from typing import Self

import pymysql

from tests.beds import cache, process

USER = 'coriolis'
PASSWORD = 'throw-away'  # of a server that lives for one test run


class MariaDB:
    """Use it with ``with``; ``url`` names an empty database ``coriolis``."""

    def __init__(self) -> None:
        self.base = pathlib.Path(tempfile.mkdtemp(prefix='cng-mariadb-'))
        self.port = process.free_port()
        self._socket = self.base / 'sock'
        self._server: process.Server | None = None

    @property
    def url(self) -> str:
        return self.url_of('coriolis')

    def url_of(self, database: str) -> str:
        """SQLAlchemy's URL of a database of this server."""
        return (
            f'mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}'
            f'/{database}?charset=utf8mb4'
        )

    def __enter__(self) -> Self:
        try:
            shutil.copytree(template(), self.base / 'data')
            self.start()
            self.create('coriolis')
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        self._server = process.Server(
            [
                shutil.which('mariadbd') or '/usr/sbin/mariadbd',
                '--no-defaults',
                f'--datadir={self.base / "data"}',
                f'--socket={self._socket}',
                f'--pid-file={self.base / "pid"}',
                '--bind-address=127.0.0.1',
                f'--port={self.port}',
                '--user=root',
                '--skip-name-resolve',
                '--skip-log-bin',
                # Nothing here outlives a power cut.
                '--innodb-flush-log-at-trx-commit=0',
                '--innodb-buffer-pool-size=32M',
                '--performance-schema=OFF',
                '--max-connections=300',
            ],
            self.base / 'log',
        )
        self._server.wait_until(
            lambda: process.listens(self.port), 60, 'mariadbd'
        )

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def create(self, database: str) -> str:
        """Make an empty database, over one of that name; gives its URL."""
        with self._root() as connection, connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS `{database}`')
            cursor.execute(f'CREATE DATABASE `{database}` CHARSET utf8mb4')
            cursor.execute(
                f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1' "
                f"IDENTIFIED BY '{PASSWORD}'"
            )
        return self.url_of(database)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    def _root(self) -> pymysql.Connection:
        return pymysql.connect(unix_socket=str(self._socket), user='root')


def template() -> pathlib.Path:
    """A data directory as mariadb-install-db leaves it, made once."""
    version = subprocess.run(
        [shutil.which('mariadbd') or '/usr/sbin/mariadbd', '--version'],
        check=True,
        capture_output=True,
    ).stdout
    path = cache.root() / f'mariadb-{cache.key_of(version, "1")}'
    with cache.lock('mariadb'):
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=cache.root()) as scratch:
                data = pathlib.Path(scratch) / 'data'
                subprocess.run(
                    ['mariadb-install-db', '--no-defaults', '--user=root']
                    + [f'--datadir={data}', '--skip-test-db']
                    + ['--auth-root-authentication-method=socket'],
                    check=True,
                    capture_output=True,
                )
                data.rename(path)
            cache.forget_others('mariadb', path)
    return path
