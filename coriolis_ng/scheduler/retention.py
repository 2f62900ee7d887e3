# SPDX-License-Identifier: Apache-2.0
"""Which recovery points are kept: pure, and without a clock.

Of each of the last hours (days, weeks) that have any point the newest one is
kept; hours without points do not count, so that a pause loses nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Protocol

from coriolis_ng.objects.value import Value


class Retention(Value):
    """How many are kept: the ``last`` ones, and the newest of so many
    hours, days and weeks (in UTC; a week begins on Monday)."""

    last: int
    hourly: int = 0
    daily: int = 0
    weekly: int = 0


class Dated(Protocol):
    """A recovery point."""

    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime.datetime: ...


Bucket = Callable[[datetime.datetime], tuple[int, ...]]


def _hour(at: datetime.datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day, at.hour


def _day(at: datetime.datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day


def _week(at: datetime.datetime) -> tuple[int, ...]:
    year, week, _ = at.isocalendar()
    return year, week


def kept(points: Sequence[Dated], rule: Retention) -> frozenset[str]:
    """The ids of those that stay, whatever the order they are given in."""
    newest_first = sorted(
        points, key=lambda p: (p.created_at, p.id), reverse=True
    )
    stay = {point.id for point in newest_first[: max(0, rule.last)]}
    ways: tuple[tuple[int, Bucket], ...] = (
        (rule.hourly, _hour),
        (rule.daily, _day),
        (rule.weekly, _week),
    )
    for count, bucket in ways:
        seen: dict[tuple[int, ...], str] = {}
        for point in newest_first:
            at = point.created_at.astimezone(datetime.UTC)
            seen.setdefault(bucket(at), point.id)
        stay |= set(list(seen.values())[: max(0, count)])
    return frozenset(stay)
