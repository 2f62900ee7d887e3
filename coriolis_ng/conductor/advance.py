# SPDX-License-Identifier: Apache-2.0
"""Moves executions on: rows, then a decision, then rows, then messages.

Every conductor may do it at any time and as often as it likes: whoever
computes the same decision later changes nothing. So the rows are read once,
without a lock, and the transaction that writes does not read them again: each
of its statements says what must still hold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from coriolis_ng import context, errors
from coriolis_ng.conductor import departures, endings, scope, turns
from coriolis_ng.conductor.parts import Parts
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
MANY = 200  # executions that are looked at in one statement
TOGETHER = 50  # that are advanced in one transaction


@dataclass(kw_only=True)
class Step:
    """What one transaction did: whom to nudge, and whether there may be
    more to do at once."""

    nudges: list[turns.Nudge] = field(default_factory=list)
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

    @property
    def only_due(self) -> bool:
        """There is nothing to do but to start tasks."""
        running = self.decision.state is ExecutionState.RUNNING
        return running and not self.decision.close


def _advance(parts: Parts, execution_id: str, woken: bool) -> None:
    for _ in range(ROUNDS):
        found = parts.database.read(
            lambda s: _look(parts, s, [execution_id], woken)
        )
        if not found:
            return
        [seen] = found
        context.learn(
            project_id=seen.execution.project_id,
            request_id=seen.execution.spec.request_id,
        )
        step = parts.database.write(lambda s, seen=seen: _step(parts, s, seen))
        _nudge(parts, step.nudges)
        if step.ended:
            endings.forget_secrets(parts, execution_id, step.project_id)
            departures.drop_secrets(parts, step.project_id, step.after.secrets)
            if step.after.follow_up:
                advance(parts, step.after.follow_up)
            return
        if not step.again:
            return


def move(parts: Parts, execution_ids: Sequence[str]) -> None:
    """Advances executions of which a task has ended, and starts who waited
    for what that made free.

    All of them are read, and all that is startable is started, in as many
    statements as for one: under load these come together (see ``moves``),
    and the cost of a task stays what it is, or becomes less.
    """
    ids = [*dict.fromkeys(execution_ids)]
    for _ in range(ROUNDS):
        seen = parts.database.read(lambda s: _look(parts, s, ids, False))
        for one in seen:
            if not one.only_due:
                _try_to_advance(parts, one.execution.id)
        due = [one for one in seen if one.only_due]
        starts = parts.database.write(
            lambda s, due=due: _start_several(parts, s, due)
        )
        _nudge(parts, starts.nudges)
        if not starts.lost:
            return


def _plainly(what: str, work: Callable[[], object]) -> None:
    work()


def advance_all(
    parts: Parts, guard: Callable[[str, Callable[[], object]], None] = _plainly
) -> None:
    """Looks after every running execution; called periodically. ``guard``
    does the work for one of them, and may survive what nobody expected: one
    that is broken must not stop those that come after it."""
    ids = parts.database.read(db.executions.running)
    for begin in range(0, len(ids), MANY):
        stirring = _stirring(parts, ids[begin : begin + MANY], guard)
        if _moved(parts, stirring, guard):
            continue
        for id in stirring:
            guard(f'execution={id}', lambda id=id: _try_to_advance(parts, id))


def _moved(
    parts: Parts,
    execution_ids: Sequence[str],
    guard: Callable[[str, Callable[[], object]], None],
) -> bool:
    """Whether all of them could be advanced together; else each has to be
    tried alone, and whoever is broken is named."""
    moved = False

    def together() -> None:
        nonlocal moved
        for begin in range(0, len(execution_ids), TOGETHER):
            move(parts, execution_ids[begin : begin + TOGETHER])
        moved = True

    try:
        guard('several executions', together)
    except Away:
        raise
    except errors.CoriolisError:
        return False
    return moved


def _stirring(
    parts: Parts,
    execution_ids: Sequence[str],
    guard: Callable[[str, Callable[[], object]], None],
) -> Sequence[str]:
    """Those of these in which there is something to do, in two statements;
    all of them, where one of them cannot even be looked at."""
    found: Sequence[str] = execution_ids

    def look() -> None:
        nonlocal found
        found = [
            seen.execution.id
            for seen in parts.database.read(
                lambda s: _look(parts, s, execution_ids, False)
            )
        ]

    guard('running executions', look)
    return found


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
    parts: Parts, session: Session, execution_ids: Sequence[str], woken: bool
) -> list[Seen]:
    """What there is to do, of those of which there is anything; what is
    gone went with its deployment."""
    running = {
        execution.id: execution
        for execution in db.executions.several(session, execution_ids)
        if execution.state is ExecutionState.RUNNING
    }
    if not running:
        return []
    found = []
    for id, rows in db.tasks.states(session, [*running]).items():
        nodes = {task_id: node(row) for task_id, row in rows.items()}
        cancel = running[id].cancel is not Cancel.NO
        decision = dag.advance(nodes, cancel=cancel)
        due = [
            rows[i]
            for i in decision.start
            if _startable(parts, rows[i]) and (woken or rows[i].turn is None)
        ]
        seen = Seen(
            execution=running[id], rows=rows, decision=decision, due=due
        )
        if due or not seen.only_due:
            found.append(seen)
    return found


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
    made = turns.start(parts, session, [turns.Due(here=here, rows=due)])
    step.nudges += made.nudges
    step.again = step.again or made.lost


def _start_several(
    parts: Parts, session: Session, several: Sequence[Seen]
) -> turns.Starts:
    here = scope.load_several(session, [one.execution for one in several])
    return turns.start(
        parts,
        session,
        [
            turns.Due(here=here[one.execution.id], rows=one.due)
            for one in several
            if one.execution.id in here
        ],
    )


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


def _nudge(parts: Parts, nudges: Sequence[turns.Nudge]) -> None:
    for one in nudges:
        with context.within(
            execution=one.execution_id, task=one.task_id, attempt=one.attempt
        ):
            try:
                parts.workers.start(one.host, one.task_id, one.attempt)
            except errors.Unreachable as error:
                # The next beat's orders name the task again.
                LOG.warning(
                    'task=%s attempt=%s start was not sent to %s: %s',
                    one.task_id,
                    one.attempt,
                    one.host,
                    error.detail,
                )
