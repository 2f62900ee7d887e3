# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about schedules.

The body of a schedule is not wrapped: its key ``schedule`` is the calendar.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from coriolis_ng.api.schemas.parts import (
    Answer,
    PageQuery,
    Request,
    Stamped,
    Time,
    Word,
)
from coriolis_ng.objects.schedule import Blackout, Cron

Weekday = Annotated[int, Meta(ge=0, le=6, description='0 is Monday')]
Clock = Annotated[
    str,
    Meta(
        pattern=r'^([01]\d|2[0-3]):[0-5]\d$',
        description='HH:MM in the time zone of the schedule',
    ),
]
Moment = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description='ISO 8601, UTC when it names no offset',
    ),
]
Interval = Annotated[int, Meta(ge=60, le=366 * 86400)]
Missed = Literal['once', 'skip']


class NewCron(Request):
    """Times of a calendar in the schedule's zone; null is any. What is
    finer than the finest field given is at its lowest: an hour alone is
    minute 0 of that hour, a day alone its midnight."""

    minute: Annotated[int, Meta(ge=0, le=59)] | None = None
    hour: Annotated[int, Meta(ge=0, le=23)] | None = None
    dom: Annotated[int, Meta(ge=1, le=31)] | None = None
    month: Annotated[int, Meta(ge=1, le=12)] | None = None
    dow: Weekday | None = None

    def value(self) -> Cron:
        """As the domain has it."""
        return Cron(
            minute=self.minute,
            hour=self.hour,
            dom=self.dom,
            month=self.month,
            dow=self.dow,
        )


class NewBlackout(Request):
    """Over midnight where ``end`` is not later than ``start``; ``days``
    are those on which it begins, none for every day."""

    start: Clock
    end: Clock
    days: Annotated[list[Weekday], Meta(max_length=7)] | None = None

    def value(self) -> Blackout:
        """As the domain has it."""
        days = tuple(sorted(set(self.days or ())))
        return Blackout(start=self.start, end=self.end, days=days)


Blackouts = Annotated[list[NewBlackout], Meta(max_length=50)]


class NewSchedule(Request):
    """Either ``schedule`` names at least one time of the calendar, or
    ``interval_seconds`` (a run every so often), or ``continuous`` (a run
    follows the one before, its start no sooner than ``interval_seconds``
    after that one's). ``missed_runs`` says what becomes of times at which
    nothing could be started; left open it is ``skip`` for what shuts
    machines down or deploys them, else ``once``."""

    schedule: NewCron | None = None
    enabled: bool | None = None
    shutdown_instance: bool | None = None
    auto_deploy: bool | None = None
    expiration_date: Moment | None = None
    time_zone: Word | None = None
    interval_seconds: Interval | None = None
    continuous: bool | None = None
    blackout_windows: Blackouts | None = None
    missed_runs: Missed | None = None


class ScheduleChanges(Request):
    """``schedule`` is replaced as a whole. Null removes an expiration
    date, an interval and a policy; of the rest it changes nothing."""

    schedule: NewCron | None | UnsetType = UNSET
    enabled: bool | None | UnsetType = UNSET
    shutdown_instance: bool | None | UnsetType = UNSET
    auto_deploy: bool | None | UnsetType = UNSET
    expiration_date: Moment | None | UnsetType = UNSET
    time_zone: Word | None | UnsetType = UNSET
    interval_seconds: Interval | None | UnsetType = UNSET
    continuous: bool | None | UnsetType = UNSET
    blackout_windows: Blackouts | None | UnsetType = UNSET
    missed_runs: Missed | None | UnsetType = UNSET


class SchedulesQuery(PageQuery):
    """``show_expired`` false leaves out what is over."""

    show_expired: bool = True


class CronAnswer(Answer, omit_defaults=True):
    minute: int | None = None
    hour: int | None = None
    dom: int | None = None
    month: int | None = None
    dow: int | None = None


class BlackoutAnswer(Answer):
    start: str
    end: str
    days: list[int]


class LastRun(Answer):
    """What became of the last time that was due; ``execution_id`` is null
    where nothing was started."""

    due_at: Time | None
    status: Literal['STARTED', 'REFUSED', 'SKIPPED']
    execution_id: str | None
    message: str


class Schedule(Stamped):
    """``next_run_at`` is null for what is disabled or over; ``missed_runs``
    is the policy in force. ``trust_id`` is never told."""

    id: str
    transfer_id: str
    schedule: CronAnswer
    expiration_date: Time | None
    enabled: bool
    shutdown_instance: bool
    auto_deploy: bool
    time_zone: str
    interval_seconds: int | None
    continuous: bool
    blackout_windows: list[BlackoutAnswer]
    missed_runs: Missed
    next_run_at: Time | None
    last_run: LastRun | None
    trust_id: None = None
    replica_id: str | UnsetType = UNSET


class ScheduleAnswer(Answer):
    schedule: Schedule


class SchedulesAnswer(Answer):
    schedules: list[Schedule]
