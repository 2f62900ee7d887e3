# SPDX-License-Identifier: Apache-2.0
"""The row of a task and what it reports while it runs."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.value import Value


class TaskState(enum.StrEnum):
    PENDING = 'pending'  # waits for what it needs
    RUNNING = 'running'  # leased to a worker
    DONE = 'done'
    FAILED = 'failed'
    CANCELED = 'canceled'  # started, then stopped on request
    SKIPPED = 'skipped'  # never given to any worker


class Progress(Value):
    """How far one item of a task is (a disk, or '' for the task itself).

    ``done`` and ``total`` are bytes where ``unit`` is ``bytes``;
    ``rate`` is bytes per second over the last seconds and ``eta_seconds``
    what is left, both None when not known. ``limit`` is the share of all
    limits of bandwidth that the task has just now, in bytes per second.
    """

    item: str = ''
    done: int = 0
    total: int = 0
    unit: str = 'bytes'
    rate: float | None = None
    eta_seconds: float | None = None
    limit: float | None = None


class Level(enum.StrEnum):
    INFO = 'info'
    WARNING = 'warning'
    ERROR = 'error'


class Note(Value):
    """A line that a task says to the user."""

    index: int
    at: datetime.datetime
    text: str
    level: Level = Level.INFO


class TaskRecord(Value):
    """A task as users see it; ``reason`` explains its state."""

    id: str
    execution_id: str
    instance: str
    name: str
    index: int
    state: TaskState
    reason: str = ''
    attempt: int = 0
    host: str | None = None
    needs: tuple[str, ...] = ()
    cleans: tuple[str, ...] = ()
    progress: tuple[Progress, ...] = ()
    notes: tuple[Note, ...] = ()
    created_at: datetime.datetime | None = None
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
