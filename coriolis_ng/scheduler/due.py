# SPDX-License-Identifier: Apache-2.0
"""What becomes of a schedule whose time has come: pure.

Of several due times that passed the last one counts, once. A transfer that is
busy, a blackout and conductors that were away are the same to a schedule:
its run waits, or is skipped, as ``missed_runs`` wants it.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from coriolis_ng.objects.schedule import MissedRuns, Schedule, ScheduleSpec
from coriolis_ng.scheduler import calendar

# How far back the last due time is looked for, nearest first.
WINDOWS = tuple(datetime.timedelta(days=n) for n in (2, 40, 400, 41 * 366))


class Verdict(enum.StrEnum):
    WAIT = 'wait'
    RUN = 'run'
    SKIP = 'skip'


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``due_at`` is what is claimed, ``next_due_at`` what comes then (None:
    never again); ``reason`` is for users."""

    verdict: Verdict
    due_at: datetime.datetime
    next_due_at: datetime.datetime | None = None
    reason: str = ''


def decide(
    schedule: Schedule,
    *,
    now: datetime.datetime,
    busy: bool,
    grace_seconds: float,
) -> Decision | None:
    """None when nothing is due. A start within ``grace_seconds`` of the due
    time is on time."""
    first = schedule.next_due_at
    if first is None or first > now:
        return None
    spec = schedule.spec
    created = schedule.created_at or first
    due = first if spec.continuous else last_due(spec, first, now, created)
    begun = now if spec.continuous else created
    after = now if spec.continuous else due
    coming = calendar.next_due(spec, after, begun)
    late = (now - due).total_seconds() > grace_seconds
    ends = spec.expiration_date
    if late and ends is not None and now > ends:
        return Decision(
            verdict=Verdict.SKIP,
            due_at=due,
            reason='The schedule expired before it could be started.',
        )
    verdict, reason = _now_or_later(spec, due, now, busy=busy, late=late)
    return Decision(
        verdict=verdict, due_at=due, next_due_at=coming, reason=reason
    )


def _now_or_later(
    spec: ScheduleSpec,
    due: datetime.datetime,
    now: datetime.datetime,
    *,
    busy: bool,
    late: bool,
) -> tuple[Verdict, str]:
    skips = spec.missed is MissedRuns.SKIP and not spec.continuous
    if skips and calendar.is_blacked_out(spec, due):
        return Verdict.SKIP, 'It was due in a blackout window.'
    if skips and late:
        why = 'the transfer was busy' if busy else 'nobody could start it'
        return Verdict.SKIP, f'At its time {why}.'
    if calendar.is_blacked_out(spec, now):
        return Verdict.WAIT, 'It waits for the end of a blackout window.'
    if busy:
        return Verdict.WAIT, 'It waits for the end of another execution.'
    return Verdict.RUN, 'Late.' if late else ''


def last_due(
    spec: ScheduleSpec,
    first: datetime.datetime,
    now: datetime.datetime,
    created: datetime.datetime,
) -> datetime.datetime:
    """The last due time from ``first`` on that is not after ``now``."""
    found = first
    for window in WINDOWS:
        begin = max(first, now - window)
        coming = calendar.next_due(spec, begin, created)
        if coming is not None and coming <= now:
            found = coming
            break
        if begin == first:
            break
    while True:
        coming = calendar.next_due(spec, found, created)
        if coming is None or coming > now:
            return found
        found = coming
