# SPDX-License-Identifier: Apache-2.0
"""Limits and rates on a clock that the test moves."""

from __future__ import annotations

import pytest

from coriolis_ng.transport.ratelimit import RateLimit
from coriolis_ng.transport.stats import Meter, Progress, combine


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def test_the_limit_is_kept_over_ten_seconds() -> None:
    clock = Clock()
    limit = RateLimit(100e6, clock=clock)
    moved = 0
    while clock.now < 1010:
        limit.take(1 << 20)
        moved += 1 << 20
        clock.now += 0.001
    assert moved / 10 == pytest.approx(100e6, rel=0.05)


def test_a_request_larger_than_the_bucket_passes() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock=clock)
    limit.take(5000)
    assert clock.now == 1000
    limit.take(1)
    assert clock.now == pytest.approx(1005, abs=0.3)


def test_a_change_takes_effect_for_who_waits() -> None:
    clock = Clock()
    limit = RateLimit(1, clock=clock)
    limit.take(1000)
    naps = []

    def stopped() -> bool:
        naps.append(clock.now)
        if len(naps) == 4:
            limit.change(1e6)
        return False

    limit.take(1, stopped)
    assert clock.now < 1002


def test_what_did_not_travel_is_given_back() -> None:
    clock = Clock()
    limit = RateLimit(100e6, clock=clock)
    sent = 0
    while clock.now < 1010:
        limit.take(1 << 20)
        # Compressed to a quarter.
        limit.give_back(3 << 18)
        sent += 1 << 18
        clock.now += 0.0001
    assert sent / 10 == pytest.approx(100e6, rel=0.05)


def test_a_limit_may_come_and_go() -> None:
    clock = Clock()
    limit = RateLimit(None, clock=clock)
    limit.take(1 << 40)
    assert (clock.now, limit.rate) == (1000, None)
    # What went before is nobody's debt.
    limit.change(1000)
    limit.take(5000)
    limit.take(1)
    assert clock.now == pytest.approx(1005, abs=0.3)
    limit.take(1 << 40)
    limit.change(None)
    limit.take(1 << 40)
    assert clock.now < 1006


def test_who_is_stopped_does_not_wait() -> None:
    clock = Clock()
    limit = RateLimit(1, clock=clock)
    limit.take(1 << 30)
    limit.take(1, lambda: clock.now > 1003)
    assert clock.now < 1004


def test_rate_is_of_the_window_and_eta_of_the_rate() -> None:
    clock = Clock()
    meter = Meter(100_000_000, window_seconds=10, clock=clock)
    for _ in range(20):
        clock.now += 1
        meter.add(done=1_000_000, read=1_000_000, sent=500_000)
        meter.look()
    for _ in range(12):
        clock.now += 1
        meter.add(done=4_000_000)
        seen = meter.look()
    assert seen.done == 68_000_000
    assert seen.sent == 10_000_000
    assert seen.mb_per_second == pytest.approx(4)
    assert seen.eta_seconds == pytest.approx(8)


def test_nothing_moved_has_no_eta() -> None:
    assert Meter(10, clock=Clock()).look() == Progress(total=10)


def test_disks_are_combined() -> None:
    one = Progress(done=10, total=1_000_010, read=5, sent=1, mb_per_second=1)
    two = Progress(done=20, total=1_000_020, read=6, sent=2, mb_per_second=3)
    assert combine([one, two]) == Progress(
        done=30,
        total=2_000_030,
        read=11,
        sent=3,
        mb_per_second=4,
        eta_seconds=0.5,
    )
