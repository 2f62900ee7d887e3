# SPDX-License-Identifier: Apache-2.0
"""Tasks that are given to workers, many at once.

The number of statements depends on how many workers and scopes there are, and
not on how many tasks: of many executions that run at once a conductor starts
what there is room for in one transaction.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.api import events, slots
from coriolis_ng.db.clock import later, utcnow
from coriolis_ng.db.row import swap
from coriolis_ng.objects.execution import Cancel
from coriolis_ng.objects.task import TaskState
from coriolis_ng.objects.value import Value

_Task = models.Task


class Start(Value):
    """A pending task of that attempt, for a worker, as attempt + 1;
    ``scopes`` are the keys and limits of what else it takes a slot of."""

    task_id: str
    attempt: int
    service_id: str
    cleanup: bool = False
    scopes: tuple[tuple[str, int], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the scopes; cleanups take no slots."""
        return () if self.cleanup else tuple(key for key, _ in self.scopes)


def start(
    session: Session, several: Sequence[Start], lease_seconds: float
) -> frozenset[str]:
    """Leases them; the ids of those that were won.

    Not won is what somebody else was faster with, whose ``not_before`` has
    not come, or (but for cleanups) whose worker or scope had not so many
    free slots or whose execution was asked to stop: then no later cancel
    can overtake, because the execution's row stays locked against one until
    this transaction ends. Who looks again sees what there is room for.
    """
    able = _with_slots(session, several)
    free = _lock(session, able)
    won = _with_scopes(session, [s for s in able if s.task_id in free])
    _give_back(session, [one for one in able if one not in won])
    for (service_id, keys), group in itertools.groupby(
        sorted(won, key=_alike), key=_alike
    ):
        _lease(session, service_id, keys, [*group], lease_seconds)
    if won:
        events.of_tasks(session, [one.task_id for one in won])
    return frozenset(one.task_id for one in won)


def _alike(one: Start) -> tuple[str, tuple[str, ...]]:
    return one.service_id, one.keys


def _per_service(several: Sequence[Start]) -> list[tuple[str, int]]:
    """In one order for everybody, so that no two wait for each other."""
    return sorted(
        Counter(s.service_id for s in several if not s.cleanup).items()
    )


def _with_slots(session: Session, several: Sequence[Start]) -> list[Start]:
    full = {
        id
        for id, count in _per_service(several)
        if not slots.take(session, id, count)
    }
    return [s for s in several if s.cleanup or s.service_id not in full]


def _give_back(session: Session, lost: Sequence[Start]) -> None:
    for id, count in _per_service(lost):
        slots.free(session, id, count)


def _with_scopes(session: Session, several: Sequence[Start]) -> list[Start]:
    limits = {key: limit for one in several for key, limit in one.scopes}
    full = {
        key
        for key, count in _per_scope(several)
        if not slots.claim(session, key, count, limits[key])
    }
    lost = [one for one in several if full.intersection(one.keys)]
    for key, count in _per_scope(lost):
        if key not in full:
            slots.release(session, [key], count)
    return [one for one in several if one not in lost]


def _per_scope(several: Sequence[Start]) -> list[tuple[str, int]]:
    return sorted(Counter(key for one in several for key in one.keys).items())


def _lock(session: Session, several: Sequence[Start]) -> set[str]:
    """Those that may be started, and by nobody else any more. What another
    conductor is just about to start is not waited for."""
    found: set[str] = set()
    for cleanup in (False, True):
        some = [s for s in several if s.cleanup is cleanup]
        if some:
            query = (
                sa.select(_Task.id)
                .where(*_startable(some, cleanup=cleanup))
                .with_for_update(skip_locked=True)
            )
            found.update(session.scalars(query))
    return found


def _startable(several: Sequence[Start], *, cleanup: bool) -> list[Any]:
    """What must hold of a task's row in the moment of its start."""
    attempts = {s.attempt for s in several}
    where = [
        sa.or_(
            *(
                sa.and_(
                    _Task.attempt == attempt,
                    _Task.id.in_(
                        sorted(
                            s.task_id for s in several if s.attempt == attempt
                        )
                    ),
                )
                for attempt in sorted(attempts)
            )
        ),
        _Task.state == TaskState.PENDING,
        sa.or_(_Task.not_before.is_(None), _Task.not_before <= later(0)),
    ]
    if not cleanup:
        # The shared lock makes a cancel wait, and with it whoever looks
        # for running tasks after the cancel. SQLite has one writer anyway.
        asked = (
            sa.select(models.Execution.id)
            .where(
                models.Execution.id == _Task.execution_id,
                models.Execution.cancel == Cancel.NO,
            )
            .correlate(_Task)
            .with_for_update(read=True)
        )
        where.append(asked.exists())
    return where


def _lease(
    session: Session,
    service_id: str,
    keys: tuple[str, ...],
    several: Sequence[Start],
    lease_seconds: float,
) -> None:
    service = models.Service

    def of_service(column: Any) -> Any:
        return (
            sa.select(column).where(service.id == service_id).scalar_subquery()
        )

    swap(
        session,
        _Task,
        [_Task.id.in_(sorted(one.task_id for one in several))],
        state=TaskState.RUNNING,
        reason='',
        attempt=_Task.attempt + 1,
        service_id=service_id,
        host=of_service(service.host),
        incarnation=of_service(service.incarnation),
        lease_until=later(lease_seconds),
        not_before=None,
        advanced=False,
        scopes=list(keys) or None,
        turn=None,
        wants=None,
        blocked_by=None,
        started_at=sa.func.coalesce(_Task.started_at, utcnow()),
    )
