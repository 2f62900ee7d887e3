# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about executions and their tasks."""

from __future__ import annotations

from typing import Literal

from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    PageQuery,
    Request,
    Stamped,
    Time,
)

Status = Literal[
    'UNEXECUTED',
    'PENDING',
    'RUNNING',
    'CANCELLING',
    'COMPLETED',
    'ERROR',
    'CANCELED',
]
TaskStatus = Literal[
    'SCHEDULED',
    'PENDING',
    'STARTING',
    'RUNNING',
    'CANCELLING',
    'COMPLETED',
    'ERROR',
    'CANCELED',
    'UNSCHEDULED',
]
# What a list can be filtered by. PENDING, DEADLOCKED and the wait for
# worker VMs are words of the known system: nothing here is ever in them.
Filter = Literal[
    'UNEXECUTED',
    'PENDING',
    'AWAITING_MINION_ALLOCATIONS',
    'RUNNING',
    'CANCELLING',
    'COMPLETED',
    'ERROR',
    'CANCELED',
    'DEADLOCKED',
]


class ExecutionsQuery(PageQuery):
    status: Filter | None = None


class NewExecution(Request):
    """Without ``shutdown_instances`` and ``auto_deploy`` the scenario
    decides: a replica is copied, a live migration shuts down, copies and
    deploys. False for either makes that a copy and no more.
    ``retry_of`` names a failed execution whose work is gone on with;
    ``checksum`` asks for digests of the whole disks at both ends."""

    shutdown_instances: bool | None = None
    auto_deploy: bool | None = None
    checksum: bool | None = False
    retry_of: Id | None = None


class CreateExecution(Request):
    execution: NewExecution = NewExecution()


class Cancel(Request):
    force: bool | None = False


class ProgressUpdate(Stamped):
    """A line of what a task did or does. ``total_steps`` is 0 where
    nothing is counted; large counts are in thousandths."""

    id: str
    task_id: str
    index: int
    current_step: int
    total_steps: int
    message: str


class Event(Stamped):
    id: str
    task_id: str
    level: Literal['INFO', 'WARNING', 'ERROR']
    index: int
    message: str


class Progress(Answer):
    """How far an item of a task is: bytes where ``unit`` is ``bytes``,
    ``rate`` then is bytes per second, and ``limit`` the task's share of the
    limits of bandwidth just now (null: there is none)."""

    item: str
    done: int
    total: int
    unit: str
    rate: float | None
    eta_seconds: float | None
    limit: float | None


class Task(Stamped):
    """``reason`` explains the status; ``exception_details`` is the same
    where the status is ERROR."""

    id: str
    execution_id: str
    instance: str
    host: str | None
    process_id: int | None
    status: TaskStatus
    task_type: str
    exception_details: str | None
    depends_on: list[str] | None
    index: int
    on_error: bool
    events: list[Event]
    progress_updates: list[ProgressUpdate]
    progress: list[Progress]
    reason: str
    attempt: int
    started_at: Time | None
    ended_at: Time | None


class Execution(Stamped):
    """``action_id`` is the transfer or deployment."""

    id: str
    action_id: str
    number: int
    status: Status
    type: str
    shutdown_instances: bool
    auto_deploy: bool
    checksum: bool
    retry_of: str | None
    ended_at: Time | None
    tasks: list[Task]


class ExecutionAnswer(Answer):
    execution: Execution


class ExecutionsAnswer(Answer):
    executions: list[Execution]
