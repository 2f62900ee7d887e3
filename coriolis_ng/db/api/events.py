# SPDX-License-Identifier: Apache-2.0
"""Rows of events: written with what they tell of, read in their order.

Numbers are given before transactions commit, so on MariaDB a smaller one may
appear after a larger one; :func:`settled` says up to where nothing is missing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.clock import later
from coriolis_ng.db.row import remove
from coriolis_ng.objects.event import Event, EventKind
from coriolis_ng.objects.execution import Cancel, ExecutionState
from coriolis_ng.objects.task import Level, Note

_Event = models.Event
_TABLE: Any = _Event.__table__
_Execution = models.Execution
_Task = models.Task
_COLUMNS = (
    'project_id',
    'kind',
    'at',
    'execution_id',
    'transfer_id',
    'deployment_id',
    'task_id',
    'instance',
    'name',
    'state',
    'attempt',
    'level',
    'text',
)
_FILTERS = {
    'transfer_id': _Event.transfer_id,
    'deployment_id': _Event.deployment_id,
    'execution_id': _Event.execution_id,
    'kind': _Event.kind,
}
_LOOK = 1000


def of_execution(session: Session, id: str) -> None:
    """Records the state that the execution has now."""
    session.connection().execute(_of_execution(), {'the_id': id})


@functools.cache
def _of_execution() -> Any:
    asked = sa.and_(
        _Execution.state == ExecutionState.RUNNING,
        _Execution.cancel != Cancel.NO,
    )
    return _recorded(
        _Execution.id == sa.bindparam('the_id'),
        kind=EventKind.EXECUTION,
        name=_Execution.kind,
        state=sa.case((asked, 'cancelling'), else_=_Execution.state),
    )


def of_task(session: Session, id: str) -> None:
    """Records the state that the task has now."""
    of_tasks(session, [id])


def of_tasks(session: Session, ids: Sequence[str]) -> None:
    """The same of several, in one statement."""
    session.connection().execute(_of_tasks(), {'ids': sorted(ids)})


@functools.cache
def _of_tasks() -> Any:
    failed = _Task.state == 'failed'
    return _recorded(
        _Task.id.in_(sa.bindparam('ids', expanding=True)),
        kind=EventKind.TASK,
        task=True,
        level=sa.case((failed, Level.ERROR), else_=Level.INFO),
        text=_Task.reason,
    )


def of_notes(
    session: Session, task_id: str, attempt: int, notes: Sequence[Note]
) -> None:
    """Records what the task says; what it said before is left out. To be
    called before the notes themselves are written."""
    known = session.scalar(
        sa.select(sa.func.max(models.TaskNote.index)).where(
            models.TaskNote.task_id == task_id,
            models.TaskNote.attempt == attempt,
        )
    )
    for note in notes:
        if known is None or note.index > known:
            session.execute(
                _recorded(
                    _Task.id == task_id,
                    kind=EventKind.NOTE,
                    task=True,
                    level=note.level,
                    text=note.text,
                )
            )


def list(  # noqa: A001
    session: Session,
    project_id: str,
    *,
    after: int = 0,
    up_to: int | None = None,
    limit: int = 1000,
    filters: Mapping[str, Any] | None = None,
) -> Sequence[Event]:
    """Events of a project with a number above ``after``, oldest first."""
    where = [_Event.project_id == project_id, _Event.number > after]
    if up_to is not None:
        where.append(_Event.number <= up_to)
    where += [_FILTERS[name] == v for name, v in (filters or {}).items()]
    rows = session.execute(
        sa.select(*[getattr(_Event, n) for n in ('number', *_COLUMNS)])
        .where(*where)
        .order_by(_Event.number)
        .limit(limit)
    )
    return [_value(row) for row in rows]


def newest(session: Session, age_seconds: float = 0) -> int:
    """The largest number of an event at least that old; 0 for none."""
    query = sa.select(sa.func.max(_Event.number))
    if age_seconds:
        query = query.where(_Event.at <= later(-age_seconds))
    return session.scalar(query) or 0


def settled(session: Session, known: int, grace_seconds: float) -> int:
    """The number up to which no more event will appear, from ``known`` on,
    which was such a number before.

    A gap is a transaction that is under way or was rolled back; after
    ``grace_seconds`` it is taken for the latter. A thousand numbers are
    looked at, at most.
    """
    old = sa.case((_Event.at <= later(-grace_seconds), 1), else_=0)
    rows = session.execute(
        sa.select(_Event.number, old)
        .where(_Event.number > known)
        .order_by(_Event.number)
        .limit(_LOOK)
    ).all()
    for number, is_old in rows:
        if number != known + 1 and not is_old:
            break
        known = number
    return known


def forget(session: Session, age_seconds: float, count: int = 10_000) -> int:
    """Removes events older than that, ``count`` at most; how many went."""
    last = session.scalar(
        sa.select(_Event.number)
        .where(_Event.at < later(-age_seconds))
        .order_by(_Event.number)
        .limit(count)
        .with_only_columns(sa.func.max(_Event.number))
        .order_by(None)
        .limit(None)
    )
    first = session.scalar(sa.select(sa.func.min(_Event.number)))
    if last is None or first is None:
        return 0
    return remove(session, _Event, _Event.number <= min(last, first + count))


def _recorded(
    which: sa.ColumnElement[bool],
    *,
    kind: EventKind,
    task: bool = False,
    **given: Any,
) -> Any:
    """One INSERT ... SELECT: who it belongs to is known by the rows."""
    blank = sa.literal('')
    values: dict[str, Any] = {
        'project_id': _Execution.project_id,
        'kind': sa.literal(kind.value),
        'at': later(0),
        'execution_id': _Execution.id,
        'transfer_id': sa.func.coalesce(
            models.Deployment.transfer_id, models.Transfer.id
        ),
        'deployment_id': models.Deployment.id,
        'task_id': sa.null(),
        'instance': blank,
        'name': blank,
        'state': blank,
        'attempt': sa.literal(0),
        'level': sa.literal(Level.INFO.value),
        'text': blank,
    }
    if task:
        values |= {
            'task_id': _Task.id,
            'instance': _Task.instance,
            'name': _Task.name,
            'state': _Task.state,
            'attempt': _Task.attempt,
        }
    values |= {
        name: sa.literal(str(one)) if isinstance(one, str) else one
        for name, one in given.items()
    }
    of_owner = sa.join(
        _Execution,
        models.Deployment,
        models.Deployment.id == _Execution.owner_id,
        isouter=True,
    ).join(
        models.Transfer,
        models.Transfer.id == _Execution.owner_id,
        isouter=True,
    )
    if task:
        of_owner = of_owner.join(_Task, _Task.execution_id == _Execution.id)
    chosen = (
        sa.select(*[values[name] for name in _COLUMNS])
        .select_from(of_owner)
        .where(which)
    )
    return sa.insert(_TABLE).from_select([*_COLUMNS], chosen)


def _value(row: Any) -> Event:
    given = row._asdict()
    given['kind'] = EventKind(given['kind'])
    given['level'] = Level(given['level'])
    return Event(**given)
