# SPDX-License-Identifier: Apache-2.0
"""The service under test as processes, on a real broker and a real
database, with the times and sizes that operators get by default."""

from __future__ import annotations

import os
import pathlib
import sys
import time
from typing import Any

import sqlalchemy as sa

from coriolis_ng import auth
from coriolis_ng.db import migration
from coriolis_ng.db.session import Database
from tests.beds import process
from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import RabbitMQ
from tests.bench.control_plane import PATH

PROJECT = 'bench'
TICKS = os.sysconf('SC_CLK_TCK')
# What is counted as a query. Beginnings, ends and pings of connections are
# no queries of ours.
COUNTED = ('select', 'insert', 'insert_select', 'update', 'delete')


class Site:
    """Rows and processes; ``start`` and ``stop`` by name and number."""

    def __init__(
        self, folder: pathlib.Path, broker: RabbitMQ, rows: MariaDB
    ) -> None:
        self.folder = folder
        self.url = rows.create('bench')
        migration.sync(self.url)
        self.database = Database(self.url)
        self.port = process.free_port()
        self.running: dict[str, process.Server] = {}
        self._engine = sa.create_engine(self.url, isolation_level='AUTOCOMMIT')
        self.token, known = auth.issue(PROJECT, 'bench', ['admin'])
        auth.save_tokens(str(folder / 'tokens.json'), [known])
        (folder / 'common.conf').write_text(
            f'[DEFAULT]\ntransport_url = {broker.url}\n'
            f'[database]\nconnection = {self.url}\n'
            f'[secrets]\nkey_file = {folder}/secrets.key\n'
            f'[auth]\ndriver = local\ntoken_file = {folder}/tokens.json\n'
            '[worker]\nproviders = memory\n'
            f'[api]\nbind_host = 127.0.0.1\nbind_port = {self.port}\n'
        )

    def start(self, kind: str, count: int = 1) -> None:
        """So many processes of one kind; workers until they are alive."""
        for number in range(1, count + 1):
            self._start(kind, f'{kind}-{number}')
        if kind == 'worker':
            self._wait(
                'SELECT COUNT(*) FROM services WHERE capacity > 0', count
            )
        elif kind == 'api':
            self.running['api-1'].wait_until(
                lambda: process.listens(self.port), 60, 'the API'
            )

    def _start(self, kind: str, name: str) -> None:
        own = self.folder / f'{name}.conf'
        own.write_text(
            f'[DEFAULT]\nhost = {name}\nlog_file = {self.folder}/{name}.log\n'
            f'[metrics]\n{kind}_port = {process.free_port()}\n'
        )
        module = 'tests.bench.control_plane.program'
        files = [self.folder / 'common.conf', own]
        self.running[name] = process.Server(
            [
                *(sys.executable, '-m', module, kind),
                *(f'--config-file={file}' for file in files),
            ],
            self.folder / f'{name}.out',
            env={'PYTHONPATH': str(PATH)},
        )

    def stop(self) -> None:
        """All processes."""
        for server in self.running.values():
            server.tell(15)
        for server in self.running.values():
            server.stop()
        self.running.clear()

    def close(self) -> None:
        self.stop()
        self._engine.dispose()
        self.database.close()

    def _wait(self, question: str, wanted: int) -> None:
        server = next(iter(self.running.values()))
        server.wait_until(
            lambda: self.ask(question)[0][0] >= wanted, 120, question
        )

    def ask(self, text: str) -> list[Any]:
        """Rows, each time on a new snapshot."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def do(self, text: str) -> None:
        """One statement that changes rows."""
        with self._engine.connect() as connection:
            connection.execute(sa.text(text))

    def queries(self) -> int:
        """Statements of the whole server so far (this one included)."""
        found = dict(self.ask('SHOW GLOBAL STATUS LIKE "Com\\_%"'))
        return sum(int(found[f'Com_{name}']) for name in COUNTED)

    def cpu_seconds(self, kind: str) -> float:
        """Of all processes of a kind, themselves without their children."""
        return sum(
            _cpu(server.pid)
            for name, server in self.running.items()
            if name.startswith(kind)
        )


def _cpu(pid: int) -> float:
    text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    fields = text.rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_seconds() -> float:
    """Processor time of everything on this machine that was not idle."""
    fields = pathlib.Path('/proc/stat').read_text().split('\n', 1)[0].split()
    busy = [int(one) for one in fields[1:]]
    return (sum(busy[:8]) - busy[3] - busy[4]) / TICKS


def load() -> float:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 1)


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began
