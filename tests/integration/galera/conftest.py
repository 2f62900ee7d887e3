# SPDX-License-Identifier: Apache-2.0
"""A Galera cluster, and a service with a conductor on each of its nodes."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.beds import coriolis, galera, memory
from tests.beds.rabbitmq import RabbitMQ
from tests.functional.world import World

MORE = """
[oslo_messaging_rabbit]
rabbit_quorum_queue = true
[api]
conductor_seconds = 30
[conductor]
# A cluster that loses a node takes a while to agree on it.
lease_seconds = 40
"""


@pytest.fixture(scope='session')
def cluster() -> Iterator[galera.Galera]:
    if absent := galera.missing():
        pytest.skip(f'{absent} is NOT INSTALLED: no test with Galera')
    with galera.Galera() as running:
        yield running


class OnBothNodes(coriolis.Processes):
    """The first conductor on the first node; the second one, the API, and
    what tests look at, on the second."""

    def __init__(
        self, folder: pathlib.Path, broker: RabbitMQ, cluster: galera.Galera
    ) -> None:
        super().__init__(folder, broker, cluster)
        self.broker = broker
        self.cluster = cluster
        name = self.database_url.rpartition('/')[2].partition('?')[0]
        first = cluster.nodes[0].url_of(name)
        self.configure('conductor-1', f'[database]\nconnection = {first}')
        for one in self.NAMES:
            self.configure(one, MORE)


def unwatched(*_: Any, **__: Any) -> None:
    """Answers may be errors: a node is killed."""


@pytest.fixture
def world(cluster: galera.Galera, tmp_path: pathlib.Path) -> Iterator[World]:
    with (
        RabbitMQ() as broker,
        memory.started(tmp_path, 'source') as source,
        memory.started(tmp_path, 'destination') as destination,
    ):
        service = OnBothNodes(tmp_path, broker, cluster)
        try:
            service.start_all()
            made = World(service, unwatched, source, destination)
            yield made
            made.close()
        finally:
            service.close()
