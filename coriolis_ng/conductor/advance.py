# SPDX-License-Identifier: Apache-2.0
"""Moves executions on: rows, then a decision, then rows, then messages.

Every conductor may do it at any time and as often as it likes: whoever
computes the same decision later changes nothing. So the rows are read once,
without a lock, and the transaction that writes does not read them again: each
of its statements says what must still hold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from coriolis_ng import context, errors
from coriolis_ng.conductor import departures, endings, scope, turns
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.workers import workers
from coriolis_ng.db import api as db
from coriolis_ng.db.errors import Away
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.engine import dag
from coriolis_ng.objects.execution import (
    Cancel,
    Execution,
    ExecutionState,
)
from coriolis_ng.objects.task import TaskState

LOG = logging.getLogger(__name__)

ROUNDS = 10


@dataclass(kw_only=True)
class Step:
    """What one transaction did: whom to nudge, and whether there may be
    more to do at once."""

    nudges: list[tuple[str, str, int]] = field(default_factory=list)
    again: bool = False
    ended: bool = False
    project_id: str = ''
    after: endings.After = endings.After()


def advance(parts: Parts, execution_id: str, *, woken: bool = True) -> None:
    """Does everything that can be done for an execution now. Not
    ``woken``: but for what waits for slots, which ``wake`` looks after."""
    with context.within(execution=execution_id, task='', attempt=0):
        _advance(parts, execution_id, woken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An execution as it was a moment ago, and what follows from it."""

    execution: Execution
    rows: Mapping[str, TaskRow]
    decision: dag.Decision
    due: list[TaskRow]


def _advance(parts: Parts, execution_id: str, woken: bool) -> None:
    for _ in range(ROUNDS):
        seen = parts.database.read(
            lambda s: _look(parts, s, execution_id, woken)
        )
        if seen is None:
            return
        step = parts.database.write(lambda s, seen=seen: _step(parts, s, seen))
        for host, task_id, attempt in step.nudges:
            _nudge(parts, host, task_id, attempt)
        if step.ended:
            endings.forget_secrets(parts, execution_id, step.project_id)
            departures.drop_secrets(parts, step.project_id, step.after.secrets)
            if step.after.follow_up:
                advance(parts, step.after.follow_up)
            return
        if not step.again:
            return


def _plainly(what: str, work: Callable[[], object]) -> None:
    work()


def advance_all(
    parts: Parts, guard: Callable[[str, Callable[[], object]], None] = _plainly
) -> None:
    """Looks after every running execution; called periodically. ``guard``
    does the work for one of them, and may survive what nobody expected: one
    that is broken must not stop those that come after it."""
    for execution_id in parts.database.read(db.executions.running):
        guard(
            f'execution={execution_id}',
            lambda id=execution_id: _try_to_advance(parts, id),
        )


def _try_to_advance(parts: Parts, execution_id: str) -> None:
    try:
        advance(parts, execution_id, woken=False)
    except Away:
        raise  # no fault of this one's
    except errors.CoriolisError as error:
        # The others must go on.
        LOG.warning(
            'execution=%s cannot be advanced: %s %s',
            execution_id,
            error.message,
            error.detail,
        )


def node(row: TaskRow) -> dag.Node:
    """A row as the pure rules see it."""
    return dag.Node(
        id=row.id,
        state=row.state,
        needs=row.needs,
        cleans=row.cleans,
        attempts=row.attempt,
    )


def _look(
    parts: Parts, session: Session, execution_id: str, woken: bool
) -> Seen | None:
    """What there is to do; None, mostly, for nothing."""
    try:
        execution = db.executions.get(session, execution_id)
    except errors.NotFound:
        return None  # it went with its deployment
    context.learn(
        project_id=execution.project_id, request_id=execution.spec.request_id
    )
    if execution.state is not ExecutionState.RUNNING:
        return None
    rows = db.tasks.nodes(session, execution.id)
    nodes = {id: node(row) for id, row in rows.items()}
    cancel = execution.cancel is not Cancel.NO
    decision = dag.advance(nodes, cancel=cancel)
    due = [
        rows[i]
        for i in decision.start
        if _startable(parts, rows[i]) and (woken or rows[i].turn is None)
    ]
    ended = decision.state is not ExecutionState.RUNNING
    if not (decision.close or ended or due):
        return None
    return Seen(execution=execution, rows=rows, decision=decision, due=due)


def _startable(parts: Parts, row: TaskRow) -> bool:
    """A kind that this release does not know is left to a newer one."""
    return row.ready and parts.kind_of(row) is not None


def _step(parts: Parts, session: Session, seen: Seen) -> Step:
    step = Step()
    execution, rows = seen.execution, seen.rows
    for id, state in seen.decision.close.items():
        won = db.tasks.close(
            session,
            id,
            rows[id].attempt,
            TaskState.PENDING,
            state,
            _why(rows[id], rows, execution),
        )
        step.again = step.again or not won
    if step.again:
        return step
    if seen.decision.state is not ExecutionState.RUNNING:
        step.after = endings.end(
            parts, session, execution, seen.decision.state
        )
        step.ended, step.project_id = True, execution.project_id
        return step
    if seen.due:
        _start(parts, session, execution, seen.due, step)
    return step


def _start(
    parts: Parts,
    session: Session,
    execution: Execution,
    due: list[TaskRow],
    step: Step,
) -> None:
    here = scope.load(session, execution)
    made = turns.start(parts, session, here, due, workers(parts, session))
    step.nudges += made.nudges
    step.again = step.again or made.lost


def _why(
    row: TaskRow, rows: Mapping[str, TaskRow], execution: Execution
) -> str:
    if row.cleanup:
        return 'There was nothing to clean up.'
    if execution.cancel is not Cancel.NO:
        return 'The execution was cancelled.'
    for before in row.needs:
        if rows[before].state is TaskState.FAILED:
            return f'{rows[before].name} failed.'
    return 'A task that it needs did not succeed.'


def _nudge(parts: Parts, host: str, task_id: str, attempt: int) -> None:
    try:
        parts.workers.start(host, task_id, attempt)
    except errors.Unreachable as error:
        # The next beat's orders name the task again.
        LOG.warning(
            'task=%s attempt=%s start was not sent to %s: %s',
            task_id,
            attempt,
            host,
            error.detail,
        )
