# SPDX-License-Identifier: Apache-2.0
"""Counters of the tasks that may run at once: on a worker, and on what else
takes only so many (endpoints, hosts, storage: scopes).

A start takes a slot before it changes its task, and whatever closes a task
frees one after: so who holds the counter's lock and counts the tasks that run
counts right.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.row import swap
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects.task import TaskState

_Slots = models.Slots
_Scope = models.Scope
_Task = models.Task
# A worker, and the keys of the scopes that a task takes beside it.
Holder = tuple[str | None, Sequence[str]]


class Scope(Protocol):
    """What ``scheduler.slots`` has under this name."""

    @property
    def key(self) -> str: ...
    @property
    def limit(self) -> int: ...


def resize(session: Session, service_id: str, capacity: int) -> None:
    """Says how many there are; fewer than are used gives no new ones."""
    upsert(
        session,
        _Slots,
        [{'service_id': service_id, 'used': 0, 'capacity': capacity}],
        ['service_id'],
        ['capacity'],
    )


def take(session: Session, service_id: str, count: int = 1) -> bool:
    """So many more are used; False when not so many were free."""
    where = [
        _Slots.service_id == service_id,
        _Slots.used + count <= _Slots.capacity,
    ]
    return swap(session, _Slots, where, used=_Slots.used + count) == 1


def free(session: Session, service_id: str, count: int = 1) -> None:
    """So many less are used; never fewer than none."""
    where = [_Slots.service_id == service_id, _Slots.used >= count]
    swap(session, _Slots, where, used=_Slots.used - count)


def repair(session: Session, service_id: str) -> int:
    """Counts anew what runs; by how much the counter was too high. Call it
    for a worker that was lost: what went wrong before is then mended."""
    before = session.scalar(
        sa.select(_Slots.used)
        .where(_Slots.service_id == service_id)
        .with_for_update()
    )
    if before is None:
        return 0
    task = models.Task
    running = session.scalar(
        sa.select(sa.func.count())
        .select_from(task)
        .where(
            task.service_id == service_id,
            task.state == TaskState.RUNNING,
            sa.not_(task.cleanup),
        )
    )
    used = running or 0
    if used != before:
        swap(session, _Slots, [_Slots.service_id == service_id], used=used)
    return int(before) - used


def used_of(session: Session, keys: Collection[str]) -> dict[str, int]:
    """How much of each scope is used, by key; those that nothing ever took
    a slot of are left out."""
    if not keys:
        return {}
    query = sa.select(_Scope.key, _Scope.used).where(
        _Scope.key.in_(sorted(keys))
    )
    return {row.key: row.used for row in session.execute(query)}


def limit_scopes(session: Session, scopes: Collection[Scope]) -> None:
    """Makes rows for scopes that have none, and writes down what limits
    they have now; nothing is written where they are as they were."""
    limits = {scope.key: scope.limit for scope in scopes}
    if not limits:
        return
    known = session.execute(
        sa.select(_Scope.key, _Scope.capacity).where(
            _Scope.key.in_(sorted(limits))
        )
    )
    same = {row.key for row in known if row.capacity == limits[row.key]}
    new = [
        {'key': key, 'used': 0, 'capacity': limit}
        for key, limit in sorted(limits.items())
        if key not in same
    ]
    if new:
        upsert(session, _Scope, new, ['key'], ['capacity'])


def claim(session: Session, key: str, count: int, limit: int) -> bool:
    """So many more of a scope are used; False when not so many were free
    of its ``limit``."""
    where = [_Scope.key == key, _Scope.used + count <= limit]
    return swap(session, _Scope, where, used=_Scope.used + count) == 1


def release(session: Session, keys: Sequence[str], count: int = 1) -> None:
    """So many less of each are used; never fewer than none."""
    where = [_Scope.key.in_(keys), _Scope.used >= count]
    swap(session, _Scope, where, used=_Scope.used - count)


def holder(
    session: Session, where: Sequence[sa.ColumnElement[bool]]
) -> Holder | None:
    """Who takes slots for such a running attempt; asked before it is closed,
    because afterwards no row names the worker."""
    found = session.execute(
        sa.select(_Task.service_id, _Task.scopes).where(
            *where,
            _Task.state == TaskState.RUNNING,
            sa.not_(_Task.cleanup),
        )
    ).one_or_none()
    return None if found is None else (found.service_id, found.scopes or [])


def give_back(session: Session, holder: Holder | None) -> None:
    """An attempt has ended that took these slots."""
    if holder is None:
        return
    service_id, keys = holder
    if service_id is not None:
        free(session, service_id)
    if keys:
        release(session, keys)


def repair_scopes(session: Session) -> int:
    """Counts all scopes anew; how many counters were wrong."""
    before = session.execute(
        sa.select(_Scope.key, _Scope.used)
        .order_by(_Scope.key)
        .with_for_update()
    ).all()
    if not before:
        return 0
    task = models.Task
    counts: dict[str, int] = {}
    for keys in session.scalars(
        sa.select(task.scopes).where(
            task.state == TaskState.RUNNING, task.scopes.is_not(None)
        )
    ):
        for key in keys or ():
            counts[key] = counts.get(key, 0) + 1
    wrong = [row.key for row in before if row.used != counts.get(row.key, 0)]
    for key in wrong:
        swap(session, _Scope, [_Scope.key == key], used=counts.get(key, 0))
    return len(wrong)
