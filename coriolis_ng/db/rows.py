# SPDX-License-Identifier: Apache-2.0
"""Values of this layer that are no words of the domain."""

from __future__ import annotations

import datetime
import enum
from typing import Any

from coriolis_ng.objects.resource import Resource, Side
from coriolis_ng.objects.task import TaskState
from coriolis_ng.objects.value import Value


class NewTask(Value):
    """A task to be made; ``index`` is 1-based within its execution."""

    id: str
    name: str
    version: int
    instance: str
    index: int
    input: dict[str, Any] = {}
    needs: tuple[str, ...] = ()
    cleans: tuple[str, ...] = ()
    cleanup: bool = False
    checkpoint: dict[str, Any] | None = None


class TaskRow(Value):
    """A task as the conductor needs it, without input and output.

    ``ready`` is false until ``not_before`` has passed, ``expired`` true
    when a running task's lease has run out, both by the database's clock.
    One that waits for slots has a ``turn``. ``lost`` counts attempts in a
    row that were lost without progress (the current one not included);
    ``advanced`` says that the current attempt made some.
    """

    id: str
    execution_id: str
    name: str
    version: int
    instance: str
    index: int
    state: TaskState
    reason: str = ''
    attempt: int = 0
    cleanup: bool = False
    needs: frozenset[str] = frozenset()
    cleans: frozenset[str] = frozenset()
    service_id: str | None = None
    host: str | None = None
    incarnation: str | None = None
    lease_until: datetime.datetime | None = None
    not_before: datetime.datetime | None = None
    ready: bool = True
    expired: bool = False
    lost: int = 0
    advanced: bool = False
    turn: datetime.datetime | None = None
    scopes: tuple[str, ...] = ()
    checkpoint: dict[str, Any] | None = None


class Finished(enum.IntEnum):
    """The answer of ``tasks.finish``; only STALE is false."""

    STALE = 0  # not the current attempt: change nothing
    CLOSED = 1  # closed now: apply its effect in the same transaction
    REPEATED = 2  # this attempt closed it so before: nothing left to do


class Entry(Value):
    """A row of the ledger. ``ended`` is true when its execution has ended
    (or is gone)."""

    resource: Resource
    execution_id: str
    task_id: str
    created_at: datetime.datetime
    endpoint_id: str | None = None
    transfer_id: str | None = None
    deployment_id: str | None = None
    instance: str = ''
    ended: bool = False


class Audit(Value):
    """A cloud that is to be listed once more for what an execution that
    has ended may have left; ``tries`` is how often it was tried."""

    execution_id: str
    side: Side
    project_id: str
    endpoint_id: str
    transfer_id: str | None = None
    deployment_id: str | None = None
    tries: int = 0
