# SPDX-License-Identifier: Apache-2.0
"""A service whose processes are of two releases."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.beds import coriolis, memory, release
from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import RabbitMQ
from tests.functional.world import Watcher, World

# So that no lease ends because a machine is busy with much else.
MORE = """
[api]
conductor_seconds = 30
[conductor]
lease_seconds = 40
"""


class Mixed(coriolis.Processes):
    """``older`` names the processes that are started with the release
    before; in the beginning all of them, and the tables are its too."""

    def __init__(
        self,
        folder: pathlib.Path,
        broker: RabbitMQ,
        rows: MariaDB,
    ) -> None:
        super().__init__(folder, broker, rows)
        self._place = str(release.unpack(folder / 'release'))
        self.older = {'sync', *self.NAMES}
        for name in self.NAMES:
            self.configure(name, MORE)

    def _environment(self, name: str) -> dict[str, str]:
        return {'PYTHONPATH': self._place} if name in self.older else {}

    def upgrade(self, name: str) -> None:
        """Stops one process, and starts it anew with this release."""
        self.stop(name)
        self.older.discard(name)
        self.start(name)

    def upgrade_tables(self) -> None:
        """While everything runs."""
        self.older.discard('sync')
        self.sync()

    def releases(self) -> dict[str, str]:
        """What each process said of itself when it was heard last."""
        rows = self.query('SELECT host, `release` FROM services')
        return {host: told for host, told in rows}


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    with (
        RabbitMQ() as broker,
        MariaDB() as rows,
        memory.started(tmp_path, 'source') as source,
        memory.started(tmp_path, 'destination') as destination,
    ):
        service = Mixed(tmp_path, broker, rows)
        try:
            service.start_all()
            yield World(service, Watcher(service), source, destination)
        finally:
            service.close()
