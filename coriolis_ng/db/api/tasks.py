# SPDX-License-Identifier: Apache-2.0
"""Rows of tasks. A state changes by one statement that names the attempt
and the state before; whoever's statement matched the row has won."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.api import events, slots
from coriolis_ng.db.clock import later, utcnow
from coriolis_ng.db.row import swap
from coriolis_ng.db.rows import Finished, NewTask, TaskRow
from coriolis_ng.db.upsert import CHUNK
from coriolis_ng.objects.task import TaskState

_Task = models.Task
# What rows are told apart by, and what decides what comes next.
DECISIVE = (
    'id',
    'execution_id',
    'name',
    'version',
    'instance',
    'index',
    'attempt',
    'cleanup',
)
_STATES = {state.value: state for state in TaskState}
_NOTHING: frozenset[str] = frozenset()
PLAIN = (
    'id',
    'execution_id',
    'name',
    'version',
    'instance',
    'index',
    'reason',
    'attempt',
    'cleanup',
    'service_id',
    'host',
    'incarnation',
    'lease_until',
    'not_before',
    'lost',
    'advanced',
    'checkpoint',
    'turn',
)


def create(
    session: Session, execution_id: str, steps: Sequence[NewTask]
) -> None:
    """The rows of an execution's tasks; called by ``executions.create``."""
    rows = [
        {
            'id': step.id,
            'execution_id': execution_id,
            'name': step.name,
            'version': step.version,
            'instance': step.instance,
            'index': step.index,
            'state': TaskState.PENDING,
            'reason': '',
            'cleanup': step.cleanup,
            'needs': [*step.needs],
            'cleans': [*step.cleans],
            'input': step.input,
            'checkpoint': step.checkpoint,
        }
        for step in steps
    ]
    if rows:
        session.execute(sa.insert(_Task), rows)


def nodes(session: Session, execution_id: str) -> dict[str, TaskRow]:
    """All tasks of an execution by id, in plan order."""
    rows = _rows(session, _Task.execution_id == execution_id)
    return {row.id: row for row in rows}


def states(
    session: Session, execution_ids: Collection[str]
) -> dict[str, dict[str, TaskRow]]:
    """What a decision needs to know of the tasks of executions, by
    execution and task, in plan order; one statement.

    Checkpoints and what else only a task itself needs is left out: a step of
    an execution reads all of its tasks, and there may be ten thousand.
    """
    found: dict[str, dict[str, TaskRow]] = {id: {} for id in execution_ids}
    ids = sorted(execution_ids)
    for values in session.execute(_decisive(), {'ids': ids}):
        *plain, state, needs, cleans, turn, is_ready = values
        row = TaskRow(
            **dict(zip(DECISIVE, plain, strict=True)),
            state=_STATES[state],
            needs=frozenset(needs) if needs else _NOTHING,
            cleans=frozenset(cleans) if cleans else _NOTHING,
            turn=turn,
            ready=bool(is_ready),
        )
        found[row.execution_id][row.id] = row
    return found


@functools.cache
def _decisive() -> sa.Select[Any]:
    return (
        sa.select(
            *(getattr(_Task, name) for name in DECISIVE),
            _Task.state,
            _Task.needs,
            _Task.cleans,
            _Task.turn,
            sa.case((_ready(), 1), else_=0),
        )
        .where(_Task.execution_id.in_(sa.bindparam('ids', expanding=True)))
        .order_by(_Task.execution_id, _Task.index)
    )


def get(session: Session, id: str) -> TaskRow:
    """One task; ``NotFound``."""
    for row in session.execute(_one(), {'the_id': id}):
        return _row(row)
    raise errors.NotFound(f'there is no task {id!r}')


def finish(
    session: Session,
    task_id: str,
    attempt: int,
    state: TaskState,
    output: dict[str, Any] | None = None,
    reason: str = '',
    seen: TaskRow | None = None,
) -> Finished:
    """Closes the running attempt. Apply its effect, in this session, only
    when the answer is CLOSED; CLOSED and REPEATED are true. ``seen`` is the
    row of this very attempt, when it was read while it ran: whose slots it
    has never changes."""
    where = [
        _Task.id == task_id,
        _Task.attempt == attempt,
        _Task.state == TaskState.RUNNING,
    ]
    if seen is None:
        holder: slots.Holder | None = slots.holder(session, where)
    elif seen.cleanup:
        holder = None
    else:
        holder = seen.service_id, seen.scopes
    if swap(
        session,
        _Task,
        where,
        state=state,
        output=output,
        reason=reason,
        lease_until=None,
        ended_at=utcnow(),
    ):
        slots.give_back(session, holder)
        events.of_task(session, task_id)
        return Finished.CLOSED
    found = session.execute(
        sa.select(_Task.attempt, _Task.state).where(_Task.id == task_id)
    ).one_or_none()
    if found is not None and tuple(found) == (attempt, state):
        return Finished.REPEATED
    return Finished.STALE


def close(
    session: Session,
    task_id: str,
    attempt: int,
    from_: TaskState,
    to: TaskState,
    reason: str,
) -> bool:
    """Closes a task without a worker's word for it."""
    where = [
        _Task.id == task_id,
        _Task.attempt == attempt,
        _Task.state == from_,
    ]
    holder = slots.holder(session, where)
    won = swap(
        session,
        _Task,
        where,
        state=to,
        reason=reason,
        lease_until=None,
        not_before=None,
        ended_at=utcnow(),
    )
    if won:
        slots.give_back(session, holder)
        events.of_task(session, task_id)
    return won == 1


def requeue(
    session: Session,
    task_id: str,
    attempt: int,
    delay_seconds: float,
    reason: str,
) -> bool:
    """Gives a running attempt up: the task is pending again, not to be
    started before the delay. ``lost`` is 0 after an attempt that made
    progress and grows by one after any other. The attempt number grows
    with the next ``start``; until then its late messages match nothing,
    because the task is not running."""
    where = [
        _Task.id == task_id,
        _Task.attempt == attempt,
        _Task.state == TaskState.RUNNING,
    ]
    holder = slots.holder(session, where)
    won = swap(
        session,
        _Task,
        where,
        state=TaskState.PENDING,
        reason=reason,
        lost=sa.case((_Task.advanced, 0), else_=_Task.lost + 1),
        service_id=None,
        host=None,
        incarnation=None,
        lease_until=None,
        scopes=None,
        not_before=later(delay_seconds) if delay_seconds else None,
    )
    if won:
        slots.give_back(session, holder)
        events.of_task(session, task_id)
    return won == 1


def hold(
    session: Session, execution_id: str, delay_seconds: float, reason: str
) -> None:
    """Lets the pending tasks of an execution begin after the delay only."""
    where = [
        _Task.execution_id == execution_id,
        _Task.state == TaskState.PENDING,
    ]
    late = later(delay_seconds)
    swap(session, _Task, where, not_before=late, reason=reason)


def wait(
    session: Session,
    ids: Collection[str],
    attempt: int,
    reason: str,
    turn: datetime.datetime | None = None,
    wants: str | None = None,
    blocked_by: str | None = None,
) -> int:
    """Says why pending tasks of one attempt are not started; how many were
    told another reason before. Those that wait for a slot have a ``turn``,
    and keep the first that they were given; ``wants`` and ``blocked_by``
    are then what ``turns`` tells of them."""
    unlike: list[Any] = [_Task.reason != reason]
    if turn is None:
        unlike.append(_Task.turn.is_not(None))
    else:
        unlike += [
            _Task.turn.is_(None),
            sa.func.coalesce(_Task.blocked_by, '') != (blocked_by or ''),
            sa.func.coalesce(_Task.wants, '') != wants,
        ]
    changed = 0
    for begin in range(0, len(ids), CHUNK):
        some = sorted(ids)[begin : begin + CHUNK]
        changed += swap(
            session,
            _Task,
            [
                _Task.id.in_(some),
                _Task.attempt == attempt,
                _Task.state == TaskState.PENDING,
                sa.or_(*unlike),
            ],
            reason=reason,
            turn=None if turn is None else sa.func.coalesce(_Task.turn, turn),
            wants=wants,
            blocked_by=blocked_by,
        )
    return changed


def inputs(session: Session, task_id: str) -> dict[str, Any]:
    """The stored inputs (literals and references); ``NotFound``."""
    found = session.scalar(sa.select(_Task.input).where(_Task.id == task_id))
    if found is None:
        raise errors.NotFound(f'there is no task {task_id!r}')
    return dict(found)


def given(
    session: Session, row: TaskRow
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The stored inputs of a task, and the plain outputs of the tasks that
    they refer to (and of others), by task id.

    One statement, but for a cleanup, which seldom has any input, and for a
    task that needs very many.
    """
    if row.cleanup or len(row.needs) >= CHUNK:
        wanted = inputs(session, row.id)
        before = {one['ref'][0] for one in wanted.values() if 'ref' in one}
        return wanted, outputs(session, before)
    own = sa.case((_Task.id == row.id, _Task.input))
    found = session.execute(
        sa.select(_Task.id, own, _Task.output).where(
            _Task.id.in_(sorted({row.id, *row.needs}))
        )
    )
    stored: dict[str, Any] = {}
    made: dict[str, dict[str, Any]] = {}
    for id, plain, output in found:
        if id == row.id:
            stored = dict(plain)
        made[id] = output or {}
    return stored, made


def outputs(
    session: Session, ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The plain outputs by task id; ``{}`` for a task without one."""
    made: dict[str, dict[str, Any]] = {}
    wanted = sorted(ids)
    for begin in range(0, len(wanted), CHUNK):
        some = wanted[begin : begin + CHUNK]
        rows = session.execute(
            sa.select(_Task.id, _Task.output).where(_Task.id.in_(some))
        )
        made.update({id: output or {} for id, output in rows})
    return made


def checkpoints(
    session: Session, ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Those that tasks left, by task; tasks that left none are not there."""
    if not ids:
        return {}
    rows = session.execute(
        sa.select(_Task.id, _Task.checkpoint).where(
            _Task.id.in_(sorted(ids)), _Task.checkpoint.is_not(None)
        )
    )
    return dict(rows.all())  # type: ignore[arg-type]


def renew(
    session: Session,
    service_id: str,
    incarnation: str,
    lease_seconds: float,
) -> int:
    """Extends the leases of all that the worker's incarnation holds, in
    one statement; how many these are."""
    where = [
        _Task.service_id == service_id,
        _Task.incarnation == incarnation,
        _Task.state == TaskState.RUNNING,
    ]
    return swap(session, _Task, where, lease_until=later(lease_seconds))


def expired(session: Session) -> Sequence[TaskRow]:
    """Running tasks whose lease has run out by the database's clock."""
    return _rows(
        session,
        _Task.state == TaskState.RUNNING,
        _Task.lease_until < later(0),
    )


def held_by(session: Session, service_id: str) -> Sequence[TaskRow]:
    """Running tasks of a worker, of whatever incarnation."""
    return _rows(
        session,
        _Task.service_id == service_id,
        _Task.state == TaskState.RUNNING,
    )


def _rows(
    session: Session, *where: sa.ColumnElement[bool]
) -> Sequence[TaskRow]:
    return [_row(row) for row in session.execute(_all().where(*where))]


def _row(values: Any) -> TaskRow:
    *plain, state, needs, cleans, scopes, ready, expired = values
    return TaskRow(
        **dict(zip(PLAIN, plain, strict=True)),
        state=_STATES[state],
        needs=frozenset(needs),
        cleans=frozenset(cleans),
        scopes=tuple(scopes or ()),
        ready=bool(ready),
        expired=bool(expired),
    )


def _ready() -> sa.ColumnElement[bool]:
    return sa.or_(_Task.not_before.is_(None), _Task.not_before <= later(0))


@functools.cache
def _all() -> sa.Select[Any]:
    late = sa.and_(
        _Task.state == TaskState.RUNNING, _Task.lease_until < later(0)
    )
    return sa.select(
        *[getattr(_Task, name) for name in PLAIN],
        _Task.state,
        _Task.needs,
        _Task.cleans,
        _Task.scopes,
        sa.case((_ready(), 1), else_=0),
        sa.case((late, 1), else_=0),
    ).order_by(_Task.execution_id, _Task.index)


@functools.cache
def _one() -> sa.Select[Any]:
    return _all().where(_Task.id == sa.bindparam('the_id'))
