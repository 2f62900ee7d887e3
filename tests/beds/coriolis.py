# SPDX-License-Identifier: Apache-2.0
"""Coriolis itself as real processes, in one or in many, for tests.

Times are short, so that a lost worker is noticed in seconds; a call to a
conductor that died ends well before a lease does.
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from keystoneauth1 import session as sessions
from keystoneauth1 import token_endpoint

from coriolis_ng import auth
from coriolis_ng.client import ApiError, Client
from tests.beds import process
from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import RabbitMQ

PROJECT = 'tests'
TIMES = """
[api]
conductor_seconds = 5
[conductor]
lease_seconds = 12
reap_seconds = 1
advance_seconds = 1
retry_seconds = 0.2
# Tests look at what is left over: nothing removes it behind their backs.
audit_seconds = 3600
[worker]
providers = memory
beat_seconds = 1
margin_seconds = 2
stop_grace_seconds = 5
drain_seconds = 1
cache_seconds = 0
[metrics]
keep_seconds = 0
"""


class Service:
    """What both ways have in common; ``url`` ends with the project."""

    url: str
    token: str
    database_url: str

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.audit_file = folder / 'audit.log'
        # Of each process, by its name.
        self.metrics_ports: dict[str, int] = {}
        self.running: dict[str, process.Server] = {}

    def start(self, name: str) -> None:
        """Start one process, which may have run before."""
        raise NotImplementedError

    def kill(self, name: str) -> None:
        """As a power cut would."""
        self.running.pop(name).kill()

    def stop(self, name: str) -> None:
        """As an operator would."""
        self.running.pop(name).stop()

    def close(self) -> None:
        # All at once: each may take a while to end its work.
        for server in self.running.values():
            server.tell(signal.SIGTERM)
        for name in list(self.running):
            self.stop(name)

    def client(
        self, seen: Callable[..., Any] | None = None, token: str = ''
    ) -> Client:
        """``seen`` gets every answer (of requests)."""
        http = sessions.requests.Session()
        if seen is not None:
            http.hooks['response'].append(seen)
        session = sessions.Session(
            auth=token_endpoint.Token(self.url, token or self.token),
            session=http,
        )
        return Client(session)

    def wait_for_workers(self, count: int = 1) -> None:
        """Until so many workers are alive."""

        def ready() -> bool:
            with contextlib.suppress(ApiError):
                found = self.client().services.list()
                # Conductors are in the list as well.
                up = [
                    one
                    for one in found
                    if one['status'] == 'UP' and 'worker' in one['binary']
                ]
                return len(up) >= count
            return False

        server = next(iter(self.running.values()))
        server.wait_until(ready, 180, 'a worker')

    def last_beat(self) -> Any:
        """When a worker was heard last, by the database's clock."""
        [[when]] = self.query(
            'SELECT MAX(alive_at) FROM services WHERE capacity > 0'
        )
        return when

    def query(self, text: str, **given: Any) -> list[Any]:
        """Rows of the database, for what no interface shows."""
        engine = sa.create_engine(self.database_url)
        try:
            with engine.connect() as connection:
                return list(connection.execute(sa.text(text), given))
        finally:
            engine.dispose()

    def logs(self) -> str:
        """Everything that any process of it wrote."""
        return '\n'.join(
            file.read_text(errors='replace')
            for file in sorted(self.folder.rglob('*.log'))
        )

    def _launch(self, name: str, program: str, *args: object) -> None:
        path = pathlib.Path(sys.executable).parent / program
        self.running[name] = process.Server(
            [*self._before(name), path, *(str(one) for one in args)],
            self.folder / f'{name}.out.log',
            self._environment(name),
        )

    def _before(self, name: str) -> list[str]:
        """The words before a program's, such as of a network namespace."""
        return []

    def _environment(self, name: str) -> dict[str, str]:
        """What a process gets beside the test's own environment."""
        return {}


class AllInOne(Service):
    """One process; SQLite; messages stay in it."""

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder)
        folder.mkdir(exist_ok=True)
        self._port = process.free_port()
        self._state = folder / 'state'
        self.metrics_ports['allinone'] = process.free_port()
        (folder / 'times.conf').write_text(
            f'{TIMES}api_port = {self.metrics_ports["allinone"]}\n'
            f'[audit]\nfile = {self.audit_file}\n'
        )
        self.url = f'http://127.0.0.1:{self._port}/v1/local'
        self.database_url = f'sqlite:///{self._state}/coriolis.sqlite'

    def start(self, name: str = 'allinone') -> None:
        out = self.folder / f'{name}.out.log'
        begin = out.stat().st_size if out.exists() else 0
        self._launch(
            name,
            'coriolis-allinone',
            *('--state-dir', self._state, '--port', self._port),
            *('--config-file', self.folder / 'times.conf', '--debug'),
            *('--log-file', self.folder / f'{name}.log'),
        )
        self.running[name].wait_until(
            lambda: b'ready url=' in out.read_bytes()[begin:], 60, name
        )
        self.token = (self._state / 'admin-token').read_text().strip()
        self.wait_for_workers()


class Processes(Service):
    """An API, two conductors and two workers on a broker and a database."""

    NAMES: tuple[str, ...] = (
        'conductor-1',
        'conductor-2',
        'worker-1',
        'worker-2',
        'api',
    )

    def __init__(
        self, folder: pathlib.Path, broker: RabbitMQ, rows: MariaDB
    ) -> None:
        super().__init__(folder)
        self._port = process.free_port()
        self.url = f'http://127.0.0.1:{self._port}/v1/{PROJECT}'
        self.database_url = rows.create('functional')
        self.token, known = auth.issue(PROJECT, 'tester', ['admin'])
        auth.save_tokens(str(folder / 'tokens.json'), [known])
        self._common = folder / 'common.conf'
        self._common.write_text(
            '[DEFAULT]\n'
            f'transport_url = {broker.url}\n'
            'debug = true\n'
            '[database]\n'
            f'connection = {self.database_url}\n'
            '[secrets]\n'
            f'key_file = {folder}/secrets.key\n'
            '[auth]\n'
            'driver = local\n'
            f'token_file = {folder}/tokens.json\n'
            f'{TIMES}'
            '[api]\n'
            'bind_host = 127.0.0.1\n'
            f'bind_port = {self._port}\n'
            f'[audit]\nfile = {self.audit_file}\n'
        )
        for name in self.NAMES:
            self.metrics_ports[name] = process.free_port()
            kind = name.partition('-')[0]
            self._file(name).write_text(
                f'[DEFAULT]\nhost = {name}\nlog_file = {folder}/{name}.log\n'
                f'[metrics]\n{kind}_port = {self.metrics_ports[name]}\n'
            )

    def sync(self) -> None:
        """Makes the tables, or brings them up to date."""
        self._launch(
            'sync', 'coriolis-manage', '--config-file', self._common,
            'db', 'sync',
        )  # fmt: skip
        sync = self.running.pop('sync')
        if sync.wait(60) != 0:
            raise RuntimeError(sync.log.read_text())

    def start_all(self) -> None:
        self.sync()
        for name in self.NAMES:
            self.start(name)
        self.wait_for_workers(self._workers())

    def start(self, name: str) -> None:
        self._launch(
            name,
            f'coriolis-{name.partition("-")[0]}',
            *('--config-file', self._common),
            *('--config-file', self._file(name)),
        )

    def start_missing(self) -> None:
        """What was killed or stopped."""
        for name in self.NAMES:
            if name not in self.running:
                self.start(name)
        self.wait_for_workers(self._workers())

    def configure(self, name: str, text: str) -> str:
        """Adds to the configuration that a process is started with; gives
        what it was before, for :meth:`restore`."""
        before = self._file(name).read_text()
        self.restore(name, f'{before}\n{text}\n')
        return before

    def restore(self, name: str, text: str) -> None:
        """Makes this the configuration that is its own."""
        self._file(name).write_text(text)

    def _workers(self) -> int:
        return sum(name.startswith('worker') for name in self.NAMES)

    def _file(self, name: str) -> pathlib.Path:
        return self.folder / f'{name}.conf'


@contextlib.contextmanager
def allinone(folder: pathlib.Path) -> Iterator[AllInOne]:
    service = AllInOne(folder)
    try:
        service.start()
        yield service
    finally:
        service.close()


@contextlib.contextmanager
def processes(folder: pathlib.Path) -> Iterator[Processes]:
    with RabbitMQ() as broker, MariaDB() as rows:
        service = Processes(folder, broker, rows)
        try:
            service.start_all()
            yield service
        finally:
            service.close()
