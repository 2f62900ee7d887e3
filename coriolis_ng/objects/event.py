# SPDX-License-Identifier: Apache-2.0
"""What happened to executions and tasks, in the order in which it did."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.task import Level
from coriolis_ng.objects.value import Value


class EventKind(enum.StrEnum):
    EXECUTION = 'execution'  # its state is another one
    TASK = 'task'  # its state is another one
    NOTE = 'note'  # a task said something


class Event(Value):
    """A line of the log of events; ``number`` grows, with gaps.

    ``name`` is the kind of the execution or the name of the task, ``state``
    its state after the event (``cancelling`` while an execution that was
    asked to stop has not ended). ``text`` is the reason of the state, or
    the note. ``transfer_id`` stands also with what a deployment does.
    """

    number: int
    project_id: str
    kind: EventKind
    at: datetime.datetime
    execution_id: str
    transfer_id: str | None = None
    deployment_id: str | None = None
    task_id: str | None = None
    instance: str = ''
    name: str = ''
    state: str = ''
    attempt: int = 0
    level: Level = Level.INFO
    text: str = ''
