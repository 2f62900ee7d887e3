# SPDX-License-Identifier: Apache-2.0
"""A worker's limit is divided among its copies, and changes while they
run."""

from __future__ import annotations

import datetime

import pytest

from coriolis_ng.objects.bandwidth import Bandwidth, Window
from coriolis_ng.rpc.wire import Stop
from coriolis_ng.worker.throttle import Throttle
from tests.unit.worker import samples
from tests.unit.worker.conftest import MakeWorker
from tests.unit.worker.scripted import ScriptedConductor

MB = 1e6


class Copying:
    def __init__(self, cap: float | None = None, moves: bool = True) -> None:
        self.cap = cap
        self.moves = moves
        self.told: list[float | None] = []

    def limit_to(self, bytes_per_second: float | None) -> None:
        self.told.append(bytes_per_second)


def test_it_is_divided_evenly_and_nothing_is_wasted() -> None:
    throttle = Throttle(lambda: Bandwidth(mb_s=100))
    free, slow, other = Copying(), Copying(cap=10 * MB), Copying(moves=False)
    throttle.divide([free])
    throttle.divide([free, slow, other])
    assert free.told == [100 * MB, 90 * MB]
    assert slow.told == [10 * MB]
    assert other.told == []


def test_without_a_limit_of_its_own_the_caps_hold() -> None:
    throttle = Throttle(Bandwidth)
    free, slow = Copying(), Copying(cap=10 * MB)
    throttle.divide([free, slow])
    assert (free.told, slow.told) == ([None], [10 * MB])


def test_the_time_of_day_counts() -> None:
    day = Window(start='08:00', end='18:00', mb_s=20)
    now = datetime.datetime(2026, 11, 20, 7, 59, tzinfo=datetime.UTC)
    clock = [now]
    throttle = Throttle(
        lambda: Bandwidth(mb_s=200, profile=(day,)), lambda: clock[0]
    )
    copy = Copying()
    throttle.divide([copy])
    clock[0] += datetime.timedelta(minutes=1)
    throttle.divide([copy])
    assert copy.told == [200 * MB, 20 * MB]


def limits(
    conductor: ScriptedConductor, *tasks: str
) -> list[float | None] | None:
    """What the tasks last said that they may take."""
    told = [conductor.progress.get(id) for id in tasks]
    return [one[0].limit for one in told if one] if all(told) else None


def wait_for(
    conductor: ScriptedConductor, tasks: list[str], *expected: float | None
) -> None:
    wanted = [None if one is None else pytest.approx(one) for one in expected]
    conductor.wait(lambda: limits(conductor, *tasks) == wanted)


def test_children_get_their_shares_and_new_ones(
    conductor: ScriptedConductor, make_worker: MakeWorker
) -> None:
    said = [Bandwidth(mb_s=30)]
    worker = make_worker(bandwidth=lambda: said[0])
    one = conductor.give(samples.Move, moves=True)
    wait_for(conductor, [one], 30 * MB)
    # Its first word says it already; the conductor leaves it less.
    two = conductor.give(samples.Move, moves=True, limit=5 * MB)
    wait_for(conductor, [one, two], 25 * MB, 5 * MB)
    conductor.limits = {one: None, two: 10 * MB}
    wait_for(conductor, [one, two], 20 * MB, 10 * MB)
    said[0] = Bandwidth(mb_s=12)
    wait_for(conductor, [one, two], 6 * MB, 6 * MB)
    worker.stop_task(Stop(task_id=two, attempt=1))
    conductor.result(two)
    wait_for(conductor, [one], 12 * MB)
    conductor.limits = {}
    said[0] = Bandwidth()
    wait_for(conductor, [one], None)
