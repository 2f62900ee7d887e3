# SPDX-License-Identifier: Apache-2.0
"""Lost leases are counted for operators, by what lost them."""

from __future__ import annotations

from prometheus_client import REGISTRY

from tests.unit.conductor.conftest import Site
from tests.unit.conductor.scripted import Worker
from tests.unit.conductor.test_workers import expire, seeing


def lost(cause: str) -> float:
    name = 'coriolis_conductor_leases_lost_total'
    return REGISTRY.get_sample_value(name, {'cause': cause}) or 0


def test_a_silent_worker_is_counted(site: Site) -> None:
    before = lost('silent'), lost('restarted')
    site.execute(site.transfer('a'))
    site.next('Look')
    reaper = seeing(site)
    assert reaper.reap() == 0
    assert (lost('silent'), lost('restarted')) == before
    expire(site)
    assert reaper.reap() == 1
    assert (lost('silent'), lost('restarted')) == (before[0] + 1, before[1])


def test_a_restarted_worker_is_counted_by_tasks(site: Site) -> None:
    before = lost('silent'), lost('restarted')
    site.execute(site.transfer('a', 'b'))
    assert len(site.bus.starts) == 2
    Worker(site.parts, incarnation='i2').beat()
    assert (lost('silent'), lost('restarted')) == (before[0], before[1] + 2)
