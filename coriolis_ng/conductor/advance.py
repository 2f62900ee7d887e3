# SPDX-License-Identifier: Apache-2.0
"""Moves executions on: rows, then a decision, then rows, then messages.

Every conductor may do it at any time and as often as it likes: whoever
computes the same decision later changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import context, errors
from coriolis_ng.conductor import departures, endings, scope
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
from coriolis_ng.objects.service import Service
from coriolis_ng.objects.task import TaskState
from coriolis_ng.scheduler import pick, why_none
from coriolis_ng.scheduler.filters import WORKER

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


def advance(parts: Parts, execution_id: str) -> None:
    """Does everything that can be done for an execution now."""
    with context.within(execution=execution_id, task='', attempt=0):
        _advance(parts, execution_id)


def _advance(parts: Parts, execution_id: str) -> None:
    for _ in range(ROUNDS):
        if not parts.database.read(lambda s: _due(parts, s, execution_id)):
            return
        step = parts.database.write(lambda s: _step(parts, s, execution_id))
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
        advance(parts, execution_id)
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


def _decide(
    session: Session, execution: Execution
) -> tuple[Mapping[str, TaskRow], dag.Decision]:
    rows = db.tasks.nodes(session, execution.id)
    nodes = {id: node(row) for id, row in rows.items()}
    cancel = execution.cancel is not Cancel.NO
    return rows, dag.advance(nodes, cancel=cancel)


def _due(parts: Parts, session: Session, execution_id: str) -> bool:
    """A look without any lock: most calls find nothing to do."""
    try:
        execution = db.executions.get(session, execution_id)
    except errors.NotFound:
        return False  # it went with its deployment
    context.learn(
        project_id=execution.project_id, request_id=execution.spec.request_id
    )
    if execution.state is not ExecutionState.RUNNING:
        return False
    rows, decision = _decide(session, execution)
    return bool(
        decision.close
        or decision.state is not ExecutionState.RUNNING
        or any(_startable(parts, rows[i]) for i in decision.start)
    )


def _startable(parts: Parts, row: TaskRow) -> bool:
    """A kind that this release does not know is left to a newer one."""
    return row.ready and parts.kind_of(row) is not None


def _step(parts: Parts, session: Session, execution_id: str) -> Step:
    execution = db.executions.get(session, execution_id)
    step = Step()
    if execution.state is not ExecutionState.RUNNING:
        return step
    rows, decision = _decide(session, execution)
    for id, state in decision.close.items():
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
    if decision.state is not ExecutionState.RUNNING:
        step.after = endings.end(parts, session, execution, decision.state)
        step.ended, step.project_id = True, execution.project_id
        return step
    due = [rows[i] for i in decision.start if _startable(parts, rows[i])]
    if due:
        _start(parts, session, execution, due, step)
    return step


def _start(
    parts: Parts,
    session: Session,
    execution: Execution,
    due: list[TaskRow],
    step: Step,
) -> None:
    here = scope.load(session, execution)
    services = workers(parts, session)
    for row in due:
        kind = parts.tasks[row.name]
        needs = here.needs(kind, slot=not row.cleanup)
        service = pick(services.values(), needs)
        if service is None:
            why = why_none(services.values(), needs)
            db.tasks.wait(session, row.id, row.attempt, f'Waiting: {why}')
            continue
        won = db.tasks.start(
            session,
            row.id,
            row.attempt,
            service.id,
            parts.settings.lease_seconds,
            cleanup=row.cleanup,
        )
        if not won:
            step.again = True
            continue
        services[service.id] = _busier(service, slot=not row.cleanup)
        step.nudges.append((service.host, row.id, row.attempt + 1))


def workers(parts: Parts, session: Session) -> dict[str, Service]:
    """All workers by id; alive is whoever beat within a lease. Nobody
    serves a region that is disabled."""
    found = db.services.list(
        session, WORKER, lease_seconds=parts.settings.lease_seconds
    )
    if any(service.mapped_regions for service in found):
        disabled = db.regions.disabled(session)
        found = [_without(service, disabled) for service in found]
    return {service.id: service for service in found}


def _without(service: Service, regions: frozenset[str]) -> Service:
    left = tuple(r for r in service.mapped_regions if r not in regions)
    return msgspec.structs.replace(service, mapped_regions=left)


def _busier(service: Service, *, slot: bool) -> Service:
    return msgspec.structs.replace(
        service, load=service.load + 1, used=service.used + slot
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
