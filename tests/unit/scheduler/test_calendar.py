# SPDX-License-Identifier: Apache-2.0
"""When schedules are due, also where clocks are put forward or back."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coriolis_ng import errors
from coriolis_ng.objects.schedule import Blackout, Cron, ScheduleSpec
from coriolis_ng.scheduler import calendar

UTC = datetime.UTC


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(cron: Cron, zone: str, after: str, count: int) -> list[str]:
    """The next due times, in UTC."""
    moment: datetime.datetime | None = at(after)
    found = []
    for _ in range(count):
        assert moment is not None
        moment = calendar.next_match(cron, calendar.zone(zone), moment)
        found.append(moment.strftime('%d %H:%M') if moment else 'never')
    return found


@pytest.mark.parametrize(
    ('cron', 'expected'),
    [
        (Cron(minute=5), ['15 10:05', '15 11:05', '15 12:05']),
        (Cron(minute=59), ['15 09:59', '15 10:59', '15 11:59']),
        (Cron(hour=3), ['16 03:00', '17 03:00', '18 03:00']),
        (Cron(hour=9, minute=30), ['16 09:30', '17 09:30', '18 09:30']),
        (Cron(hour=9, minute=31), ['15 09:31', '16 09:31', '17 09:31']),
        (Cron(dow=0), ['20 00:00', '27 00:00', '03 00:00']),
        (Cron(dow=6, hour=22), ['19 22:00', '26 22:00', '02 22:00']),
        (Cron(dom=31), ['31 00:00', '31 00:00', '31 00:00']),
        (Cron(dom=13, dow=4), ['13 00:00', '13 00:00', '13 00:00']),
        (Cron(month=2, dom=29), ['29 00:00', '29 00:00', '29 00:00']),
        (Cron(dow=2, minute=30), ['15 10:30', '15 11:30', '15 12:30']),
        (Cron(dow=3, minute=30), ['16 00:30', '16 01:30', '16 02:30']),
    ],
)
def test_fields(cron: Cron, expected: list[str]) -> None:
    # A Wednesday.
    assert times(cron, 'UTC', '2025-10-15T09:30:00', 3) == expected


def test_all_fields_must_agree() -> None:
    found = calendar.next_match(
        Cron(dom=13, dow=4), calendar.zone('UTC'), at('2026-01-01T00:00:00')
    )
    assert found == at('2026-02-13T00:00:00')
    rare = Cron(month=2, dom=29, dow=0)
    found = calendar.next_match(
        rare, calendar.zone('UTC'), at('2072-03-01T00:00:00')
    )
    # 2100 is no leap year, so this is the longest that anything waits.
    assert found == at('2112-02-29T00:00:00')


def test_a_due_time_is_later_than_the_moment_asked_for() -> None:
    cron = Cron(hour=3, minute=30)
    exact = at('2026-06-01T03:30:00')
    zone = calendar.zone('UTC')
    tick = datetime.timedelta(microseconds=1)
    assert calendar.next_match(cron, zone, exact - tick) == exact
    assert calendar.next_match(cron, zone, exact) == at('2026-06-02T03:30:00')
    hourly = Cron(minute=30)
    assert calendar.next_match(hourly, zone, exact - tick) == exact
    after = calendar.next_match(hourly, zone, exact)
    assert after == at('2026-06-01T04:30:00')


def test_an_hour_that_is_jumped_over_is_not_lost() -> None:
    # Berlin's clocks go from 02:00 to 03:00 on the 29th of March 2026.
    found = times(
        Cron(hour=2, minute=30), 'Europe/Berlin', '2026-03-27T12:00:00', 3
    )
    assert found == ['28 01:30', '29 01:30', '30 00:30']
    local = at('2026-03-29T01:30:00').astimezone(
        zoneinfo.ZoneInfo('Europe/Berlin')
    )
    assert local.strftime('%H:%M') == '03:30'


def test_a_day_with_two_three_thirties_has_one_run() -> None:
    # In Berlin 03:30 is both 03:30 itself and where 02:30 went: each
    # schedule runs once on that day.
    found = times(
        Cron(hour=3, minute=30), 'Europe/Berlin', '2026-03-28T12:00:00', 2
    )
    assert found == ['29 01:30', '30 01:30']


def test_an_hour_that_comes_twice_is_due_once_by_name() -> None:
    # Clocks go from 03:00 back to 02:00 on the 25th of October 2026.
    found = times(
        Cron(hour=2, minute=30), 'Europe/Berlin', '2026-10-23T12:00:00', 3
    )
    assert found == ['24 00:30', '25 00:30', '26 01:30']


def test_every_hour_means_every_real_hour() -> None:
    spring = times(Cron(minute=30), 'Europe/Berlin', '2026-03-28T23:00:00', 4)
    assert spring == ['28 23:30', '29 00:30', '29 01:30', '29 02:30']
    autumn = times(Cron(minute=30), 'Europe/Berlin', '2026-10-24T23:00:00', 4)
    assert autumn == ['24 23:30', '25 00:30', '25 01:30', '25 02:30']


def test_a_day_without_a_midnight_begins_later() -> None:
    # In Beirut the 29th of March 2026 begins at 01:00.
    found = times(Cron(dom=29), 'Asia/Beirut', '2026-03-28T12:00:00', 1)
    assert found == ['28 22:00']
    hourly = times(
        Cron(dom=29, minute=15), 'Asia/Beirut', '2026-03-28T12:00:00', 1
    )
    assert hourly == ['28 22:15']


def test_a_clock_that_moves_by_half_an_hour() -> None:
    # On Lord Howe 02:00 becomes 01:30 on the 5th of April 2026.
    found = times(
        Cron(minute=15), 'Australia/Lord_Howe', '2026-04-04T13:30:00', 3
    )
    assert found == ['04 14:15', '04 15:45', '04 16:45']


def test_zones_with_odd_offsets() -> None:
    assert times(Cron(hour=0), 'Asia/Kathmandu', '2026-01-01T00:00:00', 2) == [
        '01 18:15',
        '02 18:15',
    ]
    assert times(
        Cron(minute=0), 'Asia/Kathmandu', '2026-01-01T00:00:00', 2
    ) == [
        '01 00:15',
        '01 01:15',
    ]


crons = st.builds(
    Cron,
    minute=st.none() | st.integers(0, 59),
    hour=st.none() | st.integers(0, 23),
    dom=st.none() | st.integers(1, 28),
    month=st.none() | st.integers(1, 12),
    dow=st.none() | st.integers(0, 6),
).filter(lambda cron: not cron.empty)
zones = st.sampled_from(
    [
        'UTC',
        'Europe/Berlin',
        'America/St_Johns',
        'Australia/Lord_Howe',
        'Africa/Casablanca',
        'Pacific/Apia',
        'America/Sao_Paulo',
    ]
)
moments = st.datetimes(
    datetime.datetime(2010, 1, 1),
    datetime.datetime(2036, 1, 1),
    timezones=st.just(UTC),
)


@settings(deadline=None, max_examples=150)
@given(crons, zones, moments)
def test_what_is_found_matches_and_nothing_between_does(
    cron: Cron, name: str, after: datetime.datetime
) -> None:
    zone = calendar.zone(name)
    found = calendar.next_match(cron, zone, after)
    assert found is not None
    assert found > after
    local = found.astimezone(zone)
    hourly = cron.hour is None and cron.minute is not None
    wanted = Cron(
        minute=cron.minute or 0,
        hour=None if hourly else (cron.hour or 0),
        dom=cron.dom,
        month=cron.month,
        dow=cron.dow,
    )
    if _jumped(zone, wanted, local.date()):
        return
    assert _matches(wanted, local)
    # Every minute of a day before: none of them was overlooked, but for
    # the second of two that have one name.
    for back in range(1, 1440):
        earlier = found - datetime.timedelta(minutes=back)
        if earlier <= after:
            break
        seen = earlier.astimezone(zone)
        assert not _matches(wanted, seen) or (seen.fold and not hourly)


def _jumped(zone: Any, cron: Cron, date: datetime.date) -> bool:
    if cron.hour is None:
        return False
    local = datetime.datetime(
        date.year, date.month, date.day, cron.hour, cron.minute or 0,
        tzinfo=zone,
    )  # fmt: skip
    back = local.astimezone(UTC).astimezone(zone)
    shift = datetime.timedelta(days=1)
    return back.replace(tzinfo=None) != local.replace(tzinfo=None) or any(
        (local + n * shift)
        .astimezone(UTC)
        .astimezone(zone)
        .replace(tzinfo=None)
        != (local + n * shift).replace(tzinfo=None)
        for n in (-1, 1)
    )


def _matches(cron: Cron, local: datetime.datetime) -> bool:
    return all(
        wanted is None or wanted == got
        for wanted, got in (
            (cron.minute, local.minute),
            (cron.hour, local.hour),
            (cron.dom, local.day),
            (cron.month, local.month),
            (cron.dow, local.weekday()),
        )
    )


def test_intervals_are_counted_from_the_creation() -> None:
    spec = ScheduleSpec(interval_seconds=600)
    made = at('2026-01-01T00:00:07')
    for after, expected in (
        ('2026-01-01T00:00:07', '2026-01-01T00:10:07'),
        ('2026-01-01T00:10:06', '2026-01-01T00:10:07'),
        ('2026-01-01T00:10:07', '2026-01-01T00:20:07'),
        ('2026-01-02T00:00:00', '2026-01-02T00:00:07'),
        ('2025-01-01T00:00:00', '2026-01-01T00:10:07'),
    ):
        assert calendar.next_due(spec, at(after), made) == at(expected)


def test_a_continuous_one_is_due_when_its_interval_is_over() -> None:
    spec = ScheduleSpec(continuous=True, interval_seconds=900)
    began = at('2026-01-01T00:00:00')
    soon = calendar.next_due(spec, at('2026-01-01T00:05:00'), began)
    assert soon == at('2026-01-01T00:15:00')
    late = calendar.next_due(spec, at('2026-01-01T02:00:00'), began)
    assert late == at('2026-01-01T02:00:00')


def test_nothing_is_due_after_the_expiration() -> None:
    spec = ScheduleSpec(
        cron=Cron(hour=3), expiration_date=at('2026-01-02T03:00:00')
    )
    made = at('2026-01-01T00:00:00')
    due = calendar.next_due(spec, at('2026-01-01T03:00:00'), made)
    assert due == at('2026-01-02T03:00:00')
    assert due is not None
    assert calendar.next_due(spec, due, made) is None


@pytest.mark.parametrize(
    ('moment', 'expected'),
    [
        ('2026-01-02T21:59:59', False),  # a Friday
        ('2026-01-02T22:00:00', True),
        ('2026-01-03T05:59:59', True),
        ('2026-01-03T06:00:00', False),
        ('2026-01-03T22:30:00', False),
        ('2026-01-04T12:00:00', True),  # the whole Sunday
        ('2026-01-05T00:00:00', False),
    ],
)
def test_blackout_windows(moment: str, expected: bool) -> None:
    spec = ScheduleSpec(
        cron=Cron(minute=0),
        blackouts=(
            Blackout(start='22:00', end='06:00', days=(4,)),
            Blackout(start='00:00', end='00:00', days=(6,)),
        ),
    )
    assert calendar.is_blacked_out(spec, at(moment)) is expected


def test_blackout_windows_are_local() -> None:
    spec = ScheduleSpec(
        cron=Cron(minute=0),
        time_zone='America/New_York',
        blackouts=(Blackout(start='09:00', end='17:00'),),
    )
    assert calendar.is_blacked_out(spec, at('2026-01-05T14:00:00'))
    assert not calendar.is_blacked_out(spec, at('2026-01-05T13:59:00'))
    assert calendar.is_blacked_out(spec, at('2026-07-06T13:00:00'))


@pytest.mark.parametrize(
    ('fields', 'field'),
    [
        ({}, '$.schedule'),
        ({'cron': Cron(hour=1), 'continuous': True}, '$.schedule'),
        ({'cron': Cron(hour=1), 'interval_seconds': 60}, '$.schedule'),
        ({'cron': Cron(month=4, dom=31)}, '$.schedule.dom'),
        ({'cron': Cron(hour=1), 'time_zone': 'Nowhere'}, '$.time_zone'),
        ({'cron': Cron(hour=1), 'time_zone': ''}, '$.time_zone'),
    ],
)
def test_what_cannot_be_meant_is_refused(
    fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        calendar.check(ScheduleSpec(**fields))
    assert caught.value.field == field


def test_what_can_be_meant_is_not() -> None:
    for spec in (
        ScheduleSpec(cron=Cron(month=2, dom=29)),
        ScheduleSpec(continuous=True),
        ScheduleSpec(continuous=True, interval_seconds=60),
        ScheduleSpec(interval_seconds=60, time_zone='Europe/Berlin'),
    ):
        calendar.check(spec)
