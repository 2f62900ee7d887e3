# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every group: the servers that tests may ask for.

A fixture of this file starts a real server on loopback, keeps it for the
session, and ends it by its process id.
"""

import signal
from collections.abc import Iterator

import pytest

import tests  # noqa: F401  # before anything that imports oslo.service
from tests.beds import mariadb as mariadb_bed
from tests.beds import rabbitmq as rabbitmq_bed


def pytest_configure() -> None:
    """Let a polite kill end the tests as Ctrl-C does: fixtures clean up."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope='session')
def rabbitmq() -> Iterator[rabbitmq_bed.RabbitMQ]:
    """A broker; ``rabbitmq.url`` is for oslo.messaging."""
    with rabbitmq_bed.RabbitMQ() as server:
        yield server


@pytest.fixture(scope='session')
def mariadb() -> Iterator[mariadb_bed.MariaDB]:
    """A database server; ``mariadb.create(NAME)`` gives an empty one."""
    with mariadb_bed.MariaDB() as server:
        yield server


@pytest.fixture(scope='session')
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """All services behind a real Keystone and Barbican, in its catalog."""
    from tests.beds import tenants as tenants_bed

    with tenants_bed.tenants(tmp_path_factory.mktemp('tenants')) as running:
        running.register()
        yield running


@pytest.fixture(scope='session')
def kvm_clouds() -> Iterator[tuple]:
    """Two KVM clouds, (source, destination), kept apart."""
    from tests.beds import libvirt as libvirt_bed

    with libvirt_bed.two_clouds() as pair:
        yield pair
