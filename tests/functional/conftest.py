# SPDX-License-Identifier: Apache-2.0
"""The same tests with everything in one process, and with each service as a
process of its own on RabbitMQ and MariaDB."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.beds import coriolis, memory
from tests.functional.world import Watcher, World

# The first test of each way starts its servers, and machines may be busy.
SECONDS = 400
WAYS = {'allinone': coriolis.allinone, 'processes': coriolis.processes}


# What a cloud's fault does, or a command says, hardly depends on the way we
# run: of these ci tries some in the slower way, and all in the other.
ALIKE = {
    'test_commands.py',
    'test_faults.py',
    'test_full.py',
    'test_insight.py',
    'test_library.py',
    'test_minion_pools.py',
    'test_scheduling.py',
    'test_terminal.py',
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = pathlib.Path(__file__).parent
    alike = [
        item
        for item in items
        if item.path.name in ALIKE and 'processes' in item.name
    ]
    for number, item in enumerate(alike):
        if number % 6:
            item.add_marker(pytest.mark.thorough)
    for item in items:
        if here in item.path.parents and not item.get_closest_marker(
            'timeout'
        ):
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(
    scope='session',
    params=[
        'allinone',
        pytest.param('processes', marks=pytest.mark.services),
    ],
)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[coriolis.Service]:
    """Starts once; both ways keep running until all tests ended."""
    folder = tmp_path_factory.mktemp(request.param)
    with WAYS[request.param](folder) as running:
        yield running


@pytest.fixture(scope='session')
def watcher(service: coriolis.Service) -> Watcher:
    return Watcher(service)


@pytest.fixture
def source(tmp_path: pathlib.Path) -> Iterator[memory.MemoryCloud]:
    with memory.started(tmp_path, 'source') as cloud:
        yield cloud


@pytest.fixture
def destination(tmp_path: pathlib.Path) -> Iterator[memory.MemoryCloud]:
    with memory.started(tmp_path, 'destination') as cloud:
        yield cloud


@pytest.fixture
def world(
    service: coriolis.Service,
    watcher: Watcher,
    source: memory.MemoryCloud,
    destination: memory.MemoryCloud,
) -> Iterator[World]:
    """After each test nothing of ours is left anywhere."""
    made = World(service, watcher, source, destination)
    yield made
    made.close()
