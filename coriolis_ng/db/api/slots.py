# SPDX-License-Identifier: Apache-2.0
"""Counters of the tasks that a worker may be given at once.

A start takes a slot before it changes its task, and whatever closes a task
frees one after: so who holds the counter's lock and counts the tasks that run
counts right.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.row import swap
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects.task import TaskState

_Slots = models.Slots


def resize(session: Session, service_id: str, capacity: int) -> None:
    """Says how many there are; fewer than are used gives no new ones."""
    upsert(
        session,
        _Slots,
        [{'service_id': service_id, 'used': 0, 'capacity': capacity}],
        ['service_id'],
        ['capacity'],
    )


def take(session: Session, service_id: str) -> bool:
    """One more is used; False when none was free."""
    where = [
        _Slots.service_id == service_id,
        _Slots.used < _Slots.capacity,
    ]
    return swap(session, _Slots, where, used=_Slots.used + 1) == 1


def free(session: Session, service_id: str) -> None:
    """One less is used; never fewer than none."""
    where = [_Slots.service_id == service_id, _Slots.used > 0]
    swap(session, _Slots, where, used=_Slots.used - 1)


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
