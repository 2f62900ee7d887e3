# SPDX-License-Identifier: Apache-2.0
"""What becomes of a schedule whose time has come."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from coriolis_ng.objects.schedule import (
    Blackout,
    Cron,
    MissedRuns,
    Schedule,
    ScheduleSpec,
)
from coriolis_ng.scheduler.due import Decision, Verdict, decide, last_due

ONCE, SKIP = MissedRuns.ONCE, MissedRuns.SKIP


def at(text: str) -> datetime.datetime:
    """A time of 2026, in UTC."""
    return datetime.datetime.fromisoformat(f'2026-{text}+00:00')


def decided(
    now: str, due: str = '03-02T03:00', *, busy: bool = False, **spec: Any
) -> Decision | None:
    """A nightly schedule, unless ``spec`` says otherwise."""
    if not {'interval_seconds', 'continuous'} & spec.keys():
        spec.setdefault('cron', Cron(hour=3))
    return decide(
        Schedule(
            id='s',
            transfer_id='t',
            project_id='p',
            user_id='u',
            spec=ScheduleSpec(**spec),
            next_due_at=at(due),
            created_at=at('03-01T00:00'),
        ),
        now=at(now),
        busy=busy,
        grace_seconds=300,
    )


def told(found: Decision | None) -> tuple[str, str, str]:
    """Verdict, due and next due time in short."""
    assert found is not None
    coming = found.next_due_at
    return (
        found.verdict.value,
        found.due_at.strftime('%d %H:%M'),
        coming.strftime('%d %H:%M') if coming else 'never',
    )


def test_nothing_is_due_before_its_time() -> None:
    assert decided('03-02T02:59:59') is None


@pytest.mark.parametrize('missed', [ONCE, SKIP])
def test_on_time(missed: MissedRuns) -> None:
    for now in ('03-02T03:00', '03-02T03:05'):
        found = decided(now, missed_runs=missed)
        assert told(found) == ('run', '02 03:00', '03 03:00')
        assert found is not None
        assert found.reason == ''


def test_missed_runs_are_made_up_for_once() -> None:
    found = decided('03-05T10:00', missed_runs=ONCE)
    assert told(found) == ('run', '05 03:00', '06 03:00')
    assert found is not None
    assert found.reason == 'Late.'


def test_missed_runs_are_skipped() -> None:
    found = decided('03-05T10:00', missed_runs=SKIP)
    assert told(found) == ('skip', '05 03:00', '06 03:00')
    assert found is not None
    assert 'nobody could start it' in found.reason


def test_the_last_due_time_may_be_on_time_though_others_were_missed() -> None:
    found = decided('03-05T03:01', missed_runs=SKIP)
    assert told(found) == ('run', '05 03:00', '06 03:00')


def test_the_policy_left_open() -> None:
    late = '03-02T09:00'
    assert told(decided(late))[0] == 'run'
    # Nothing that stops or starts machines happens at another time.
    assert told(decided(late, shutdown_instances=True))[0] == 'skip'
    assert told(decided(late, auto_deploy=True))[0] == 'skip'
    chosen = decided(late, shutdown_instances=True, missed_runs=ONCE)
    assert told(chosen)[0] == 'run'


def test_a_busy_transfer() -> None:
    for now in ('03-02T03:01', '03-04T03:01'):
        assert told(decided(now, busy=True))[0] == 'wait'
    found = decided('03-02T03:04', busy=True, missed_runs=SKIP)
    assert told(found)[0] == 'wait'
    found = decided('03-02T03:06', busy=True, missed_runs=SKIP)
    assert told(found)[0] == 'skip'
    assert found is not None
    assert 'busy' in found.reason


NIGHT = (Blackout(start='02:00', end='06:00'),)


def test_a_blackout_delays_or_skips() -> None:
    inside = decided('03-02T03:00', blackouts=NIGHT)
    assert told(inside)[0] == 'wait'
    after = decided('03-02T06:00', blackouts=NIGHT)
    assert told(after) == ('run', '02 03:00', '03 03:00')
    skipped = decided('03-02T03:00', blackouts=NIGHT, missed_runs=SKIP)
    assert told(skipped) == ('skip', '02 03:00', '03 03:00')
    assert skipped is not None
    assert 'blackout' in skipped.reason


def test_a_late_start_does_not_fall_into_a_blackout() -> None:
    window = (Blackout(start='08:00', end='18:00'),)
    late = decided('03-02T09:00', blackouts=window)
    assert told(late)[0] == 'wait'


def test_intervals() -> None:
    found = decided('03-02T03:25', '03-02T03:00', interval_seconds=600)
    assert told(found) == ('run', '02 03:20', '02 03:30')


def test_continuous() -> None:
    spec = {'continuous': True, 'interval_seconds': 900}
    # The run before goes on.
    assert told(decided('03-02T03:20', busy=True, **spec))[0] == 'wait'
    # It has ended; the interval is counted from this start.
    found = decided('03-02T03:40', **spec)
    assert told(found) == ('run', '02 03:00', '02 03:55')
    # Not even without an interval it runs all the time.
    found = decided('03-02T03:40', continuous=True)
    assert told(found) == ('run', '02 03:00', '02 03:41')
    # It makes up for what it missed whatever is said about that.
    found = decided('03-09T00:00', missed_runs=SKIP, **spec)
    assert told(found)[0] == 'run'
    found = decided('03-09T03:00', blackouts=NIGHT, missed_runs=SKIP, **spec)
    assert told(found)[0] == 'wait'


def test_expiration() -> None:
    ends = {'expiration_date': at('03-02T03:02')}
    assert told(decided('03-02T03:00', **ends)) == (
        'run',
        '02 03:00',
        'never',
    )
    # On time is on time.
    assert told(decided('03-02T03:04', **ends))[0] == 'run'
    found = decided('03-02T09:00', **ends)
    assert told(found) == ('skip', '02 03:00', 'never')
    assert found is not None
    assert 'expired' in found.reason
    # The last due time is before the end.
    found = decided('03-09T09:00', expiration_date=at('03-04T00:00'))
    assert told(found) == ('skip', '03 03:00', 'never')


@pytest.mark.parametrize(
    ('spec', 'first', 'now', 'expected'),
    [
        (ScheduleSpec(cron=Cron(minute=7)), '01-01T00:07', '06-30T12:06',
         '06-30T11:07'),
        (ScheduleSpec(cron=Cron(hour=7)), '01-01T07:00', '06-30T06:59',
         '06-29T07:00'),
        (ScheduleSpec(cron=Cron(dom=31)), '01-31T00:00', '07-01T00:00',
         '05-31T00:00'),
        (ScheduleSpec(cron=Cron(month=2, dom=3)), '02-03T00:00',
         '12-31T00:00', '02-03T00:00'),
        (ScheduleSpec(interval_seconds=60), '01-01T00:01', '12-31T00:00',
         '12-31T00:00'),
    ],
)  # fmt: skip
def test_the_last_of_many(
    spec: ScheduleSpec, first: str, now: str, expected: str
) -> None:
    made = at('01-01T00:00')
    assert last_due(spec, at(first), at(now), made) == at(expected)


def test_every_verdict_is_tested() -> None:
    assert {one.value for one in Verdict} == {'run', 'wait', 'skip'}
