# SPDX-License-Identifier: Apache-2.0
"""Which recovery points are kept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from coriolis_ng.scheduler.retention import Retention, kept

NOON = datetime.datetime(2026, 3, 4, 12, tzinfo=datetime.UTC)  # a Wednesday
HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Point:
    id: str
    created_at: datetime.datetime


def every(hours: float, count: int) -> list[Point]:
    """Points so many hours apart, the newest at noon; ids are their ages
    in hours."""
    return [
        Point(f'{n * hours:g}', NOON - n * hours * HOUR) for n in range(count)
    ]


def ages(points: list[Point], **rule: int) -> list[float]:
    found = kept(points, Retention(**{'last': 0, **rule}))
    return sorted(float(id) for id in found)


def test_the_last_ones() -> None:
    assert ages(every(1, 9), last=3) == [0, 1, 2]
    assert ages(every(1, 2), last=3) == [0, 1]
    assert ages([], last=3, daily=4) == []


def test_of_each_hour_the_newest() -> None:
    # At noon and 15, 30 and 45 minutes before it, and so on.
    assert ages(every(0.25, 12), hourly=3) == [0, 0.25, 1.25]


def test_of_each_day_the_newest() -> None:
    # 13 h before noon it is 23:00 of the day before.
    assert ages(every(1, 72), daily=3) == [0, 13, 37]
    assert ages(every(12, 4), daily=9) == [0, 24]


def test_of_each_week_the_newest() -> None:
    # The Sunday before was 3 days ago.
    assert ages(every(24, 20), weekly=3) == [0, 72, 72 + 7 * 24]


def test_a_week_over_new_year_is_one() -> None:
    friday = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
    points = [
        Point('new', friday),
        Point('old', friday - 24 * HOUR),
        Point('before', friday - 7 * 24 * HOUR),
    ]
    found = kept(points, Retention(last=0, weekly=2))
    assert found == {'new', 'before'}


def test_hours_without_points_do_not_count() -> None:
    points = [*every(1, 2), Point('900', NOON - 900 * HOUR)]
    assert ages(points, hourly=3) == [0, 1, 900]


def test_rules_add_up() -> None:
    assert ages(every(1, 72), last=2, hourly=3, daily=2, weekly=2) == [
        0, 1, 2, 13, 61,
    ]  # fmt: skip


counts = st.integers(0, 5)


@given(
    st.lists(st.integers(0, 60 * 24 * 30), unique=True, max_size=60),
    counts, counts, counts, counts,
)  # fmt: skip
def test_never_more_than_the_sum_and_always_the_newest(
    minutes: list[int], last: int, hourly: int, daily: int, weekly: int
) -> None:
    points = [
        Point(f'{n}', NOON - datetime.timedelta(minutes=n)) for n in minutes
    ]
    rule = Retention(last=last, hourly=hourly, daily=daily, weekly=weekly)
    found = kept(points, rule)
    assert len(found) <= last + hourly + daily + weekly
    if points and any((last, hourly, daily, weekly)):
        assert f'{min(minutes)}' in found
    # The order they come in is of no matter.
    assert kept([*reversed(points)], rule) == found
