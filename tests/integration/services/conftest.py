# SPDX-License-Identifier: Apache-2.0
"""All services as processes of their own, and a pair of memory clouds."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.beds import coriolis, memory
from tests.functional.world import Watcher, World


@pytest.fixture(scope='module')
def processes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[coriolis.Processes]:
    with coriolis.processes(tmp_path_factory.mktemp('processes')) as running:
        yield running


@pytest.fixture
def allinone(tmp_path: pathlib.Path) -> Iterator[coriolis.AllInOne]:
    with coriolis.allinone(tmp_path / 'allinone') as running:
        yield running


@pytest.fixture
def clouds(
    tmp_path: pathlib.Path,
) -> Iterator[tuple[memory.MemoryCloud, memory.MemoryCloud]]:
    with (
        memory.started(tmp_path, 'source') as source,
        memory.started(tmp_path, 'destination') as destination,
    ):
        yield source, destination


@pytest.fixture
def world(
    processes: coriolis.Processes,
    clouds: tuple[memory.MemoryCloud, memory.MemoryCloud],
) -> Iterator[World]:
    """After each test all processes run and nothing of ours is left."""
    made = World(processes, Watcher(processes), *clouds)
    yield made
    processes.start_missing()
    made.close()


@pytest.fixture
def small_world(
    allinone: coriolis.AllInOne,
    clouds: tuple[memory.MemoryCloud, memory.MemoryCloud],
) -> Iterator[World]:
    """With everything in one process."""
    made = World(allinone, Watcher(allinone), *clouds)
    yield made
    made.close()
