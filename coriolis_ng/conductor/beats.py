# SPDX-License-Identifier: Apache-2.0
"""Heartbeats of workers: one call renews all leases, keeps progress, and
answers with orders."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from sqlalchemy.orm import Session

from coriolis_ng import errors, metrics
from coriolis_ng.conductor import bandwidth, losses
from coriolis_ng.conductor.advance import advance, advance_all
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.wake import wake
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.objects.execution import Cancel, Execution
from coriolis_ng.rpc.wire import Beat, Hold, Limit, Orders, Stop

Executions = Callable[[str], Execution]


def beat(parts: Parts, told: Beat) -> Orders:
    """``Stale`` for a process that another one of its host replaced."""
    orders, freed, fresh = parts.database.write(
        lambda s: _beat(parts, s, told)
    )
    metrics.LEASES_LOST.labels('restarted').inc(len(freed))
    if fresh:
        # Tasks may have waited for such a worker.
        advance_all(parts)
        wake(parts, everybody=True)
    else:
        for execution_id in sorted({*freed}):
            advance(parts, execution_id)
    return orders


def _beat(
    parts: Parts, session: Session, told: Beat
) -> tuple[Orders, list[str], bool]:
    before = _incarnation(session, told.host)
    service = db.services.beat(session, told)
    fresh = before != told.incarnation
    of = functools.cache(lambda id: db.executions.get(session, id))
    held = db.tasks.held_by(session, service.id)
    old = [r for r in held if r.incarnation != told.incarnation]
    mine = [r for r in held if r.incarnation == told.incarnation]
    for row in old:
        losses.give_up(
            parts, session, row, of(row.execution_id), 'Its worker restarted.'
        )
    lease = parts.settings.lease_seconds
    db.tasks.renew(session, service.id, told.incarnation, lease)
    _keep(session, told, mine)
    orders = Orders(
        stop=(*_strays(told, mine), *_stops(told, mine, of)),
        hold=tuple(_holds(told, mine)),
        limits=tuple(_limits(parts, session, mine)),
        lease_seconds=lease,
        known=bool(service.providers) or told.providers is not None,
    )
    return orders, [r.execution_id for r in old], fresh


def _limits(
    parts: Parts, session: Session, mine: list[TaskRow]
) -> Iterable[Limit]:
    """What its copies may take: said anew each time, also that there is
    no limit any more."""
    names = bandwidth.moving(parts)
    copies = [row for row in mine if row.name in names]
    given = bandwidth.divided(parts, session) if copies else {}
    for row in copies:
        yield Limit(
            task_id=row.id,
            attempt=row.attempt,
            bytes_per_second=given.get(row.id),
        )


def _incarnation(session: Session, host: str) -> str | None:
    try:
        return db.services.find(session, host).incarnation
    except errors.NotFound:
        return None


def _keep(session: Session, told: Beat, mine: list[TaskRow]) -> None:
    held = {(row.id, row.attempt) for row in mine}
    for task in told.tasks:
        if (task.task_id, task.attempt) in held:
            db.reports.save(
                session,
                task.task_id,
                task.attempt,
                task.progress,
                task.notes,
                task.checkpoint,
                task.advanced,
            )


def _strays(told: Beat, mine: list[TaskRow]) -> Iterable[Stop]:
    """What the worker runs and should not any more."""
    held = {(row.id, row.attempt) for row in mine}
    for task in told.tasks:
        if (task.task_id, task.attempt) not in held:
            yield Stop(
                task_id=task.task_id,
                attempt=task.attempt,
                forced=True,
                stale=True,
            )


def _stops(told: Beat, mine: list[TaskRow], of: Executions) -> Iterable[Stop]:
    running = {(task.task_id, task.attempt) for task in told.tasks}
    for row in mine:
        execution = of(row.execution_id)
        if (row.id, row.attempt) in running and losses.is_cancelled(
            row, execution
        ):
            yield stop_of(row, execution)


def stop_of(row: TaskRow, execution: Execution) -> Stop:
    """The order to stop a task of a cancelled execution."""
    return Stop(
        task_id=row.id,
        attempt=row.attempt,
        forced=execution.cancel is Cancel.FORCED,
    )


def _holds(told: Beat, mine: list[TaskRow]) -> Iterable[Hold]:
    """What the worker was given and does not know of: a lost start."""
    running = {(task.task_id, task.attempt) for task in told.tasks}
    for row in mine:
        if (row.id, row.attempt) not in running:
            yield Hold(task_id=row.id, attempt=row.attempt)
