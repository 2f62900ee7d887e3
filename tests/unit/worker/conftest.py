# SPDX-License-Identifier: Apache-2.0
"""A worker with real children and a scripted conductor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from coriolis_ng.objects.bandwidth import Bandwidth
from coriolis_ng.worker.nursery import Nursery
from coriolis_ng.worker.options import Options
from coriolis_ng.worker.runner import Why
from coriolis_ng.worker.service import WorkerService
from tests.unit.worker.samples import SmallCloud
from tests.unit.worker.scripted import ScriptedConductor

MakeWorker = Callable[..., WorkerService]


@pytest.fixture
def conductor() -> ScriptedConductor:
    return ScriptedConductor()


@pytest.fixture(scope='session')
def nursery() -> Iterator[Nursery]:
    """One for all tests: its imports take a second."""
    shared = Nursery(('tests.unit.worker.samples',))
    yield shared
    shared.stop()


@pytest.fixture
def make_worker(
    conductor: ScriptedConductor, nursery: Nursery
) -> Iterator[MakeWorker]:
    """Starts workers; options are those of ``worker.options.Options``."""
    made: list[WorkerService] = []

    def make(
        bandwidth: Callable[[], Bandwidth] = Bandwidth, **options: Any
    ) -> WorkerService:
        times = {
            'beat_seconds': 0.2,
            'retry_seconds': 0.05,
            'stop_grace_seconds': 20,
        }
        service = WorkerService(
            conductor,
            {'small': SmallCloud()},
            host='here',
            incarnation='i1',
            capacity=4,
            bandwidth=bandwidth,
            options=Options(**times | options),
            nursery=nursery,
        )
        made.append(service)
        service.start()
        return service

    yield make
    conductor.away.clear()
    for service in made:
        for runner in service.running:
            runner.stop(Why.STALE, 0)
        service.stop(0)


@pytest.fixture
def worker(make_worker: MakeWorker) -> WorkerService:
    return make_worker()
