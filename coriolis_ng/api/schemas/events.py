# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about events."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from coriolis_ng.api.schemas.executions import Status, TaskStatus
from coriolis_ng.api.schemas.parts import Answer, Id, Query, Time

Number = Annotated[
    str,
    Meta(
        pattern=r'^[0-9]{1,18}$',
        description='The id of an event; a larger one is a later one',
    ),
]


class EventsQuery(Query):
    """``marker`` is the last event seen. Filters keep what belongs to that
    transfer (its deployments too), deployment or execution."""

    limit: Annotated[int, Meta(ge=1)] | None = None
    marker: Number | None = None
    transfer_id: Id | None = None
    deployment_id: Id | None = None
    execution_id: Id | None = None


class Event(Answer):
    """``name`` is the kind of the execution or the type of the task;
    ``status`` what it is since this event. ``message`` is the reason of
    the status, or the note."""

    id: Number
    type: Literal['execution', 'task', 'note']
    created_at: Time
    transfer_id: str | None
    deployment_id: str | None
    execution_id: str
    task_id: str | None
    instance: str
    name: str
    status: Status | TaskStatus
    attempt: int
    level: Literal['INFO', 'WARNING', 'ERROR']
    message: str


class EventsAnswer(Answer):
    """Oldest first. ``marker`` is where the next page starts; an empty page
    has it too, so that a client can go on from there."""

    events: list[Event]
    marker: Number
