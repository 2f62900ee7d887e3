# SPDX-License-Identifier: Apache-2.0
"""When a schedule is due: a pure function of its words and of a moment.

Local times follow RFC 5545: one that the clock jumps over is read by the
offset before the jump (02:30 becomes 03:30), one that comes twice is the
first. What says no hour comes in every hour that really passes, so that an
hour that comes twice is due twice.
"""

from __future__ import annotations

import datetime
import itertools
import zoneinfo
from collections.abc import Iterator

from coriolis_ng import errors
from coriolis_ng.objects.schedule import Blackout, Cron, ScheduleSpec

UTC = datetime.UTC
DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)

# Seconds between the starts of a continuous schedule that names none.
LEAST = 60

# A Monday that is the 29th of February comes within 40 years, even over
# a century without a leap year.
MOST_DAYS = 41 * 366
DAYS_OF = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def zone(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by its IANA name; ``InvalidInput``."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise errors.InvalidInput(
            f'There is no time zone {name!r}; it is a name such as UTC or '
            'Europe/Berlin.',
            field='$.time_zone',
        ) from None


def check(spec: ScheduleSpec) -> None:
    """``InvalidInput`` naming the field of what cannot be meant."""
    zone(spec.time_zone)
    _check_way(spec)
    cron = spec.cron
    if cron.dom is not None and cron.month is not None:
        most = DAYS_OF[cron.month - 1]
        if cron.dom > most:
            raise errors.InvalidInput(
                f'Month {cron.month} has no day {cron.dom}.',
                field='$.schedule.dom',
            )
    for number, window in enumerate(spec.blackouts):
        if window.start == window.end and len(set(window.days)) in {0, 7}:
            raise errors.InvalidInput(
                'A blackout window of all the time leaves none to run in.',
                field=f'$.blackout_windows[{number}]',
            )


def _check_way(spec: ScheduleSpec) -> None:
    if spec.cron.empty:
        if spec.interval_seconds is None and not spec.continuous:
            raise errors.InvalidInput(
                'The schedule is empty: give at least one of minute, hour, '
                'dom, month and dow (or interval_seconds, or continuous).',
                field='$.schedule',
            )
    elif spec.interval_seconds is not None or spec.continuous:
        raise errors.InvalidInput(
            'A schedule has either times of the calendar, or '
            'interval_seconds and continuous.',
            field='$.schedule',
        )


def next_due(
    spec: ScheduleSpec,
    after: datetime.datetime,
    anchor: datetime.datetime,
) -> datetime.datetime | None:
    """The first due time later than ``after``, in UTC; None when there is
    none before the schedule expires.

    ``anchor`` is what intervals are counted from: the creation, or for a
    continuous schedule the last start.
    """
    if not spec.cron.empty:
        found = next_match(spec.cron, zone(spec.time_zone), after)
    elif spec.continuous:
        found = max(after, anchor + _interval(spec))
    else:
        step = _interval(spec)
        passed = max(0, (after - anchor) // step + 1)
        found = anchor + max(1, passed) * step
    ends = spec.expiration_date
    if found is None or (ends is not None and found > ends):
        return None
    return found.astimezone(UTC)


def _interval(spec: ScheduleSpec) -> datetime.timedelta:
    return datetime.timedelta(seconds=spec.interval_seconds or LEAST)


def next_match(
    cron: Cron, where: zoneinfo.ZoneInfo, after: datetime.datetime
) -> datetime.datetime | None:
    """The first moment later than ``after`` that the fields name; None
    when it never comes."""
    if cron.hour is None and cron.minute is not None:
        return _next_hourly(cron, where, after)
    first = after.astimezone(where).date() - DAY
    for date in _dates(cron, first):
        local = datetime.datetime(
            date.year,
            date.month,
            date.day,
            cron.hour or 0,
            cron.minute or 0,
            tzinfo=where,
        )
        moment = local.astimezone(UTC)
        if moment > after:
            return moment
    return None


def _dates(cron: Cron, first: datetime.date) -> Iterator[datetime.date]:
    """The dates that match, from ``first`` on."""
    for number in range(MOST_DAYS):
        try:
            date = first + number * DAY
        except OverflowError:
            return
        if _on(cron, date):
            yield date


def _on(cron: Cron, date: datetime.date) -> bool:
    return (
        cron.dom in {None, date.day}
        and cron.month in {None, date.month}
        and cron.dow in {None, date.weekday()}
    )


def _next_hourly(
    cron: Cron, where: zoneinfo.ZoneInfo, after: datetime.datetime
) -> datetime.datetime | None:
    today = after.astimezone(where).date()
    for date in _dates(cron, today):
        # By real time: a day has 23 to 25 hours, and offsets of minutes.
        begin = datetime.datetime(
            date.year, date.month, date.day, tzinfo=where
        ).astimezone(UTC)
        minute = datetime.timedelta(minutes=1)
        begin = max(begin, after.replace(second=0, microsecond=0) + minute)
        for moment in _minutes(begin.astimezone(UTC), where, cron.minute or 0):
            if moment.astimezone(where).date() != date:
                break
            if moment > after:
                return moment
    return None


def _minutes(
    begin: datetime.datetime, where: zoneinfo.ZoneInfo, minute: int
) -> Iterator[datetime.datetime]:
    """The moments from ``begin`` on whose local minute is that one."""
    moment = begin
    for _ in itertools.count():
        ahead = (minute - moment.astimezone(where).minute) % 60
        there = moment + datetime.timedelta(minutes=ahead)
        if there.astimezone(where).minute == minute:
            yield there
            there += datetime.timedelta(minutes=1)
        moment = there


def is_blacked_out(spec: ScheduleSpec, now: datetime.datetime) -> bool:
    """Whether nothing may be started at this moment."""
    local = now.astimezone(zone(spec.time_zone))
    return any(_inside(window, local) for window in spec.blackouts)


def _inside(window: Blackout, local: datetime.datetime) -> bool:
    clock = local.strftime('%H:%M')
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    days = window.days or tuple(range(7))
    if window.start < window.end:
        return today in days and window.start <= clock < window.end
    return (today in days and clock >= window.start) or (
        yesterday in days and clock < window.end
    )
