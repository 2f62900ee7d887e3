# SPDX-License-Identifier: Apache-2.0
"""The service that is killed: as in other tests, and it looks after what is
left over by itself, as it does where it is used."""

from __future__ import annotations

import contextlib
import os
import pathlib
import threading
from collections.abc import Iterator

from coriolis_ng.objects import new_id
from tests.beds import coriolis
from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import RabbitMQ
from tests.integration.chaos import families

LEASE_SECONDS = 12  # of tests.beds.coriolis.TIMES
MARK = 'CORIOLIS_CHAOS'
MORE = """
[conductor]
audit_seconds = 2
audit_delay_seconds = 5
audit_retry_seconds = 1
audit_retry_max_seconds = 4
# So few that some always wait for them.
endpoint_slots = 6
storage_slots = 3
[worker]
providers = {providers}
kvm_directories = /
"""


class Processes(coriolis.Processes):
    """``marked`` finds whatever was started by it, its workers' children
    too."""

    def __init__(
        self,
        folder: pathlib.Path,
        broker: RabbitMQ,
        rows: MariaDB,
        providers: str = 'memory',
    ) -> None:
        super().__init__(folder, broker, rows)
        self._mark = new_id()
        self._starting = threading.Lock()
        for name in self.NAMES:
            with self._file(name).open('a') as file:
                file.write(MORE.format(providers=providers))

    def start(self, name: str) -> None:
        # The environment is inherited by all that a worker starts.
        with self._starting:
            os.environ[MARK] = self._mark
            super().start(name)
            del os.environ[MARK]

    def marked(self) -> list[families.Process]:
        """What of it is there."""
        return families.marked(f'{MARK}={self._mark}')


@contextlib.contextmanager
def processes(
    folder: pathlib.Path, providers: str = 'memory'
) -> Iterator[Processes]:
    """Up, with two workers."""
    with RabbitMQ() as broker, MariaDB() as rows:
        service = Processes(folder, broker, rows, providers)
        try:
            service.start_all()
            yield service
        finally:
            service.close()
