# SPDX-License-Identifier: Apache-2.0
"""Rows of executions: made with all their tasks, ended once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.api import events
from coriolis_ng.db.api import reports as report_rows
from coriolis_ng.db.api import tasks as task_rows
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, of_ids, remove, swap
from coriolis_ng.db.rows import NewTask
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.execution import (
    Cancel,
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.task import TaskRecord

_ALLOWED = {
    'state': models.Execution.state,
    'kind': models.Execution.kind,
    'number': models.Execution.number,
    'created_at': models.Execution.created_at,
}


def create(
    session: Session, execution: Execution, steps: Sequence[NewTask]
) -> Execution:
    """Stores it with all its tasks, pending; ``number`` is set here, and
    the owner's ``last_execution_state`` becomes that of the execution."""
    # This update also makes those who create for one owner queue up, so
    # that each sees the number of the one before.
    _tell_owner(session, execution.owner_id, execution.state)
    last = session.scalar(
        sa.select(sa.func.max(models.Execution.number)).where(
            models.Execution.owner_id == execution.owner_id
        )
    )
    row = models.Execution(
        id=execution.id,
        project_id=execution.project_id,
        owner_id=execution.owner_id,
        kind=execution.kind,
        number=(last or 0) + 1,
        state=execution.state,
        cancel=execution.cancel,
        spec=to_plain(execution.spec),
        created_at=execution.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    task_rows.create(session, execution.id, steps)
    events.of_execution(session, execution.id)
    return _value(row)


def get(
    session: Session,
    id: str,
    with_tasks: bool = False,
    project_id: str | None = None,
) -> Execution:
    """With tasks, they come with progress and notes, in plan order;
    ``NotFound`` for another project's."""
    row = of_id(session, models.Execution, id, project_id)
    records = report_rows.records(session, id) if with_tasks else ()
    return _value(row, tuple(records))


def several(session: Session, ids: Sequence[str]) -> Sequence[Execution]:
    """Those of these that exist, without tasks, in one statement."""
    rows = of_ids(session, models.Execution, ids)
    return [_value(row) for row in rows]


def list(  # noqa: A001
    session: Session,
    owner_id: str | None,
    page: Page | None = None,
    project_id: str | None = None,
    with_tasks: bool = False,
    cancelling: bool | None = None,
) -> Sequence[Execution]:
    """A page of the executions of a transfer or deployment, with or without
    their tasks, in as many statements whatever its length. ``cancelling``:
    only those that were asked to stop, or only the others."""
    where: Any = []
    if cancelling is not None:
        asked = models.Execution.cancel != Cancel.NO
        where.append(asked if cancelling else sa.not_(asked))
    if owner_id is not None:
        where.append(models.Execution.owner_id == owner_id)
    if project_id is not None:
        where.append(models.Execution.project_id == project_id)
    rows = select_page(
        session, models.Execution, page or Page(), where, _ALLOWED
    )
    if not with_tasks:
        return [_value(row) for row in rows]
    told = report_rows.of_several(session, [row.id for row in rows])
    return [_value(row, tuple(told[row.id])) for row in rows]


def of_owners(
    session: Session,
    owner_ids: Sequence[str],
    kind: ExecutionKind | None = None,
    most: int = 10,
) -> dict[str, Sequence[Execution]]:
    """The last ``most`` executions of each owner without tasks, oldest
    first; owners without any are left out."""
    where: Any = [models.Execution.owner_id.in_(owner_ids)]
    if kind is not None:
        where.append(models.Execution.kind == kind)
    place = sa.func.row_number().over(
        partition_by=models.Execution.owner_id,
        order_by=models.Execution.number.desc(),
    )
    placed = (
        sa.select(models.Execution.id, place.label('place'))
        .where(*where)
        .subquery()
    )
    rows = session.scalars(
        sa.select(models.Execution)
        .join(placed, placed.c.id == models.Execution.id)
        .where(placed.c.place <= most)
        .order_by(models.Execution.number)
    )
    found: dict[str, Any] = {}
    for row in rows:
        found.setdefault(row.owner_id, []).append(_value(row))
    return found


def running(session: Session) -> Sequence[str]:
    """The ids of all executions that have not ended, oldest first."""
    return session.scalars(
        sa.select(models.Execution.id)
        .where(models.Execution.state == ExecutionState.RUNNING)
        .order_by(models.Execution.created_at, models.Execution.id)
    ).all()


def ask_cancel(session: Session, id: str, how: Cancel) -> bool:
    """Asks it to stop; only ever harder than before. False when it has
    ended or was asked so (or harder) already."""
    weaker = {
        Cancel.NO: [],
        Cancel.GRACEFUL: [Cancel.NO],
        Cancel.FORCED: [Cancel.NO, Cancel.GRACEFUL],
    }[how]
    where = [
        models.Execution.id == id,
        models.Execution.state == ExecutionState.RUNNING,
        models.Execution.cancel.in_(weaker),
    ]
    won = swap(session, models.Execution, where, cancel=how) == 1
    if won:
        events.of_execution(session, id)
    return won


def end(session: Session, id: str, state: ExecutionState) -> bool:
    """Ends a running execution and tells its owner; one caller wins."""
    where = [
        models.Execution.id == id,
        models.Execution.state == ExecutionState.RUNNING,
    ]
    won = swap(
        session, models.Execution, where, state=state, ended_at=utcnow()
    )
    if won:
        owner_id = session.scalar(
            sa.select(models.Execution.owner_id).where(
                models.Execution.id == id
            )
        )
        assert owner_id is not None
        _tell_owner(session, owner_id, state)
        events.of_execution(session, id)
    return won == 1


def delete(session: Session, id: str) -> None:
    """Removes one that has ended, with its tasks; else ``Conflict``."""
    where = [
        models.Execution.id == id,
        models.Execution.state != ExecutionState.RUNNING,
    ]
    if not remove(session, models.Execution, *where):
        of_id(session, models.Execution, id)
        raise errors.Conflict('the execution is running')


def _tell_owner(
    session: Session, owner_id: str, state: ExecutionState
) -> None:
    for model in (models.Transfer, models.Deployment):
        where: Any = [model.id == owner_id]
        if swap(session, model, where, last_execution_state=state):
            return


def _value(
    row: models.Execution, tasks: tuple[TaskRecord, ...] = ()
) -> Execution:
    return Execution(
        id=row.id,
        project_id=row.project_id,
        owner_id=row.owner_id,
        kind=ExecutionKind(row.kind),
        number=row.number,
        state=ExecutionState(row.state),
        cancel=Cancel(row.cancel),
        spec=from_plain(ExecutionSpec, row.spec),
        tasks=tasks,
        created_at=row.created_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
    )
