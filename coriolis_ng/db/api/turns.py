# SPDX-License-Identifier: Apache-2.0
"""Tasks that wait for slots, in the order of their turns."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.clock import Utc, later
from coriolis_ng.db.row import swap
from coriolis_ng.objects.execution import Cancel, ExecutionState
from coriolis_ng.objects.task import TaskState

_Task = models.Task


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A task that waits; ``wants`` is as ``tasks.wait`` was given it."""

    task_id: str
    execution_id: str
    name: str
    attempt: int
    index: int
    turn: datetime.datetime
    wants: str = ''
    blocked_by: str | None = None


def ahead(
    session: Session,
    patience_ends: datetime.datetime,
    most: int,
    patient: int = 8,
) -> Sequence[Turn]:
    """The first ``most`` of those that are not known to wait for a scope
    without any room, and the first few whose turn came before
    ``patience_ends``, in no order; one statement."""
    query = _ahead(most, patient)
    return _values(session, query, {'patience_ends': patience_ends})


@functools.cache
def _ahead(most: int, patient: int) -> Any:
    scope = models.Scope
    has_room = sa.or_(scope.key.is_(None), scope.used < scope.capacity)
    first = (
        _waiting(_Task.id)
        .outerjoin(scope, scope.key == _Task.blocked_by)
        .where(has_room)
        .order_by(_Task.turn, _Task.index)
        .limit(most)
        .subquery()
    )
    oldest = (
        _waiting(_Task.id)
        .where(_Task.turn <= sa.bindparam('patience_ends', type_=Utc()))
        .order_by(_Task.turn, _Task.index)
        .limit(patient)
        .subquery()
    )
    ids = sa.union_all(sa.select(first.c.id), sa.select(oldest.c.id))
    named = ids.subquery()
    return sa.select(*_COLUMNS).join(named, named.c.id == _Task.id).distinct()


def all_of(session: Session) -> Sequence[Turn]:
    """All that wait for slots."""
    return _values(session, _waiting(*_COLUMNS))


def waiting_for(session: Session, key: str) -> Sequence[str]:
    """The executions of which a task waits for a slot of that scope."""
    query = _waiting(_Task.execution_id).where(_Task.blocked_by == key)
    return session.scalars(query.distinct()).all()


def forget(session: Session, execution_id: str) -> int:
    """Takes an execution that cannot go on out of the way of others; it is
    looked at again with all that run."""
    where = [
        _Task.execution_id == execution_id,
        _Task.state == TaskState.PENDING,
        _Task.turn.is_not(None),
    ]
    return swap(session, _Task, where, turn=None, wants=None, blocked_by=None)


def renew(session: Session, endpoint_id: str) -> int:
    """Makes what waits and has to do with an endpoint be looked at anew,
    in the place that it has: it may want something else by now."""
    transfer = models.Transfer
    concerned = (
        sa.select(models.Execution.id)
        .outerjoin(
            models.Deployment,
            models.Deployment.id == models.Execution.owner_id,
        )
        .join(
            transfer,
            sa.or_(
                transfer.id == models.Execution.owner_id,
                transfer.id == models.Deployment.transfer_id,
            ),
        )
        .where(
            models.Execution.state == ExecutionState.RUNNING,
            sa.or_(
                transfer.origin_endpoint_id == endpoint_id,
                transfer.destination_endpoint_id == endpoint_id,
            ),
        )
    )
    where = [
        _Task.execution_id.in_(concerned),
        _Task.state == TaskState.PENDING,
        _Task.wants.is_not(None),
    ]
    return swap(session, _Task, where, wants=None)


_COLUMNS = (
    _Task.id,
    _Task.execution_id,
    _Task.name,
    _Task.attempt,
    _Task.index,
    _Task.turn,
    _Task.wants,
    _Task.blocked_by,
)


def _waiting(*columns: Any) -> Any:
    run = models.Execution
    return (
        sa.select(*columns)
        .join(run, run.id == _Task.execution_id)
        .where(
            _Task.state == TaskState.PENDING,
            _Task.turn.is_not(None),
            sa.or_(_Task.not_before.is_(None), _Task.not_before <= later(0)),
            run.state == ExecutionState.RUNNING,
            run.cancel == Cancel.NO,
        )
    )


def _values(session: Session, query: Any, given: Any = None) -> Sequence[Turn]:
    return [
        Turn(
            task_id=row.id,
            execution_id=row.execution_id,
            name=row.name,
            attempt=row.attempt,
            index=row._mapping['index'],
            turn=row.turn,
            wants=row.wants or '',
            blocked_by=row.blocked_by,
        )
        for row in session.execute(query, given)
    ]
