# SPDX-License-Identifier: Apache-2.0
"""A service as operators run it: quorum queues, and times as they are where
nobody has changed them."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from tests.beds import coriolis, memory, netns
from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import RabbitMQ
from tests.functional.world import Watcher, World

MORE = """
[oslo_messaging_rabbit]
rabbit_quorum_queue = true
rabbit_transient_quorum_queue = true
[api]
conductor_seconds = 30
[conductor]
lease_seconds = 90
reap_seconds = 5
advance_seconds = 5
retry_seconds = 2
[worker]
beat_seconds = 5
margin_seconds = 15
stop_grace_seconds = 30
drain_seconds = 20
"""


class Plain(coriolis.Processes):
    """``broker`` and ``rows`` can be stopped and started; the first worker
    is in a network namespace where there is one."""

    def __init__(
        self,
        folder: pathlib.Path,
        broker: RabbitMQ,
        rows: MariaDB,
        inside: netns.Namespace | None = None,
    ) -> None:
        super().__init__(folder, broker, rows)
        self.broker = broker
        self.rows = rows
        self.inside = inside
        for name in self.NAMES:
            self.configure(name, MORE)

    def _before(self, name: str) -> list[str]:
        if name == 'worker-1' and self.inside is not None:
            return self.inside.before
        return []


@contextlib.contextmanager
def plain(
    folder: pathlib.Path, inside: netns.Namespace | None = None
) -> Iterator[World]:
    """At the end nothing is left of what tests made."""
    address = inside.address if inside else '127.0.0.1'
    with (
        RabbitMQ(address) as broker,
        MariaDB() as rows,
        memory.started(folder, 'source', address=address) as source,
        memory.started(folder, 'destination', address=address) as target,
    ):
        service = Plain(folder, broker, rows, inside)
        try:
            service.start_all()
            world = World(service, Watcher(service), source, target)
            yield world
            world.close()
        finally:
            service.close()


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    with plain(tmp_path) as made:
        yield made


@pytest.fixture
def cut_world(tmp_path: pathlib.Path) -> Iterator[World]:
    """With the first worker behind a cable of its own."""
    if why := netns.missing():
        pytest.skip(f'NO NETWORK NAMESPACE: {why}')
    with netns.Namespace() as inside, plain(tmp_path, inside) as made:
        yield made
