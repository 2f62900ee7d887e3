# SPDX-License-Identifier: Apache-2.0
"""Figures about all rows, in a fixed number of statements."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.api import services
from coriolis_ng.db.clock import later
from coriolis_ng.objects.execution import ExecutionKind, ExecutionState
from coriolis_ng.objects.service import Service
from coriolis_ng.objects.task import TaskState

_Execution = models.Execution
_Task = models.Task
_Point = models.RecoveryPoint
FIGURES = ('changed', 'read', 'sent', 'written')


@dataclasses.dataclass(slots=True, kw_only=True)
class TransferFigures:
    """``oldest`` is when the newest recovery point of the machine that is
    furthest behind was made, None where a machine has none; ``copied`` and
    ``seconds`` are of the newest points, ``done``, ``total`` (bytes) and
    ``rate`` (bytes a second) of what runs."""

    id: str
    project_id: str
    instances: int
    newest: dict[str, datetime.datetime] = dataclasses.field(
        default_factory=dict
    )
    copied: dict[str, int] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    done: int = 0
    total: int = 0
    rate: float = 0.0

    @property
    def oldest(self) -> datetime.datetime | None:
        if len(self.newest) < self.instances:
            return None
        return min(self.newest.values(), default=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``pending`` is by reason, the others by what their names say."""

    now: datetime.datetime
    executions: dict[str, int]
    running: dict[str, int]
    pending: dict[str, int]
    tasks: dict[str, int]
    services: list[Service]
    transfer_count: int
    transfers: list[TransferFigures]


class _Copied(msgspec.Struct):
    changed: int = 0
    read: int = 0
    sent: int = 0
    written: int = 0
    seconds: float = 0.0


class _Made(msgspec.Struct):
    """What is wanted of a recovery point; the rest is not even decoded."""

    copied: list[_Copied] = []


class _Asked(msgspec.Struct):
    instances: list[str] = []


def read(
    session: Session, lease_seconds: float, per_transfer: bool = True
) -> Figures:
    """All of it, in nine statements; ``transfers`` is empty where it is
    not wanted, in seven."""
    now = session.scalar(sa.select(later(0)))
    assert now is not None
    running = _Execution.state == ExecutionState.RUNNING
    transfers = _transfers(session) if per_transfer else {}
    if per_transfer:
        _add_points(session, transfers)
        _add_progress(session, transfers)
    return Figures(
        now=now,
        executions={state.value: 0 for state in ExecutionState}
        | _counts(session, _Execution.state),
        running=_counts(session, _Execution.kind, running),
        pending=_pending(session),
        tasks=_counts(session, _Task.name, _Task.state == TaskState.RUNNING),
        services=list(services.list(session, lease_seconds=lease_seconds)),
        transfer_count=len(transfers)
        if per_transfer
        else session.scalar(
            sa.select(sa.func.count()).select_from(models.Transfer)
        )
        or 0,
        transfers=list(transfers.values()),
    )


def _counts(
    session: Session, column: Any, *where: sa.ColumnElement[bool]
) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).where(*where).group_by(column)
    return {str(name): count for name, count in session.execute(query)}


def _pending(session: Session) -> dict[str, int]:
    """Tasks of executions that ended are never pending, but an execution
    ends in its own time."""
    return _counts(session, _Task.reason, _Task.state == TaskState.PENDING)


def _transfers(session: Session) -> dict[str, TransferFigures]:
    table = models.Transfer
    text = sa.type_coerce(table.spec, sa.Text)
    decode = msgspec.json.Decoder(_Asked).decode
    return {
        id: TransferFigures(
            id=id,
            project_id=project_id,
            instances=len(set(decode(spec).instances)),
        )
        for id, project_id, spec in session.execute(
            sa.select(table.id, table.project_id, text)
        )
    }


def _add_points(
    session: Session, transfers: dict[str, TransferFigures]
) -> None:
    newest = (
        sa.select(
            _Point.transfer_id,
            _Point.instance,
            sa.func.max(_Point.created_at).label('at'),
        )
        .group_by(_Point.transfer_id, _Point.instance)
        .subquery()
    )
    query = sa.select(
        _Point.transfer_id,
        _Point.instance,
        _Point.created_at,
        sa.type_coerce(_Point.data, sa.Text),
    ).join(
        newest,
        sa.and_(
            newest.c.transfer_id == _Point.transfer_id,
            newest.c.instance == _Point.instance,
            newest.c.at == _Point.created_at,
        ),
    )
    decode = msgspec.json.Decoder(_Made).decode
    for id, instance, at, data in session.execute(query):
        if id in transfers:
            transfers[id].newest[instance] = at
            _add_point(transfers[id], decode(data).copied)


def _add_point(one: TransferFigures, copied: Iterable[_Copied]) -> None:
    for copy in copied:
        for figure in FIGURES:
            so_far = one.copied.get(figure, 0)
            one.copied[figure] = so_far + getattr(copy, figure)
        one.seconds = max(one.seconds, copy.seconds)


def _add_progress(
    session: Session, transfers: dict[str, TransferFigures]
) -> None:
    progress = models.TaskProgress
    query = (
        sa.select(
            _Execution.owner_id,
            sa.func.sum(progress.done),
            sa.func.sum(progress.total),
            sa.func.sum(sa.func.coalesce(progress.rate, 0.0)),
        )
        .join(_Task, _Task.execution_id == _Execution.id)
        .join(progress, progress.task_id == _Task.id)
        .where(
            _Execution.state == ExecutionState.RUNNING,
            _Execution.kind == ExecutionKind.TRANSFER,
            _Task.state == TaskState.RUNNING,
            progress.unit == 'bytes',
        )
        .group_by(_Execution.owner_id)
    )
    for id, done, total, rate in session.execute(query):
        if id in transfers:
            one = transfers[id]
            one.done, one.total, one.rate = int(done), int(total), float(rate)
