# SPDX-License-Identifier: Apache-2.0
"""When a transfer is executed by itself."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.value import Value


class Cron(Value):
    """Times of a calendar; None is any. ``dow`` is 0 for Monday.

    What is finer than the finest field given is at its lowest: an hour
    alone is that hour's minute 0, a day alone its midnight.
    """

    minute: int | None = None
    hour: int | None = None
    dom: int | None = None
    month: int | None = None
    dow: int | None = None

    @property
    def empty(self) -> bool:
        """Whether it says nothing at all."""
        return self == Cron()


class Blackout(Value):
    """From ``start`` to ``end`` (``HH:MM``, in the schedule's zone; over
    midnight where the end is not later) of those days, on which it begins
    (0 is Monday; none: every day) nothing is started."""

    start: str
    end: str
    days: tuple[int, ...] = ()


class MissedRuns(enum.StrEnum):
    """What becomes of times that passed while nothing could be started."""

    ONCE = 'once'  # one run, as soon as it can be
    SKIP = 'skip'


class ScheduleSpec(Value):
    """One of three ways: ``cron``; ``interval_seconds`` alone, counted from
    the creation; ``continuous``, where a run follows the one before when
    that ended, its start no sooner than ``interval_seconds`` after the
    start before.
    """

    cron: Cron = Cron()
    interval_seconds: int | None = None
    continuous: bool = False
    time_zone: str = 'UTC'
    blackouts: tuple[Blackout, ...] = ()
    missed_runs: MissedRuns | None = None
    expiration_date: datetime.datetime | None = None
    enabled: bool = True
    shutdown_instances: bool = False
    auto_deploy: bool = False

    @property
    def missed(self) -> MissedRuns:
        """The policy; left open, nothing that stops or starts machines is
        done at a time that nobody chose."""
        if self.missed_runs is not None:
            return self.missed_runs
        if self.shutdown_instances or self.auto_deploy:
            return MissedRuns.SKIP
        return MissedRuns.ONCE


class RunState(enum.StrEnum):
    STARTED = 'started'
    REFUSED = 'refused'
    SKIPPED = 'skipped'


class ScheduleRun(Value):
    """What became of one due time; ``execution_id`` is '' where nothing
    was started."""

    schedule_id: str
    due_at: datetime.datetime
    state: RunState
    execution_id: str = ''
    message: str = ''
    created_at: datetime.datetime | None = None


class Schedule(Value):
    """``next_due_at`` is None for what will not be due again; of the runs
    only the last one is shown."""

    id: str
    transfer_id: str
    project_id: str
    user_id: str
    spec: ScheduleSpec
    next_due_at: datetime.datetime | None = None
    last_run: ScheduleRun | None = None
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
