# SPDX-License-Identifier: Apache-2.0
"""Rows of recovery points; they come and go with ``replicas.save``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, remove, swap
from coriolis_ng.db.upsert import CHUNK, upsert
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.recovery_point import RecoveryPoint

_ALLOWED = {
    'transfer_id': models.RecoveryPoint.transfer_id,
    'instance': models.RecoveryPoint.instance,
    'execution_id': models.RecoveryPoint.execution_id,
    'pinned': models.RecoveryPoint.pinned,
    'created_at': models.RecoveryPoint.created_at,
}


def get(
    session: Session, id: str, project_id: str | None = None
) -> RecoveryPoint:
    """``NotFound`` for another project's; None means any project."""
    return value(of_id(session, models.RecoveryPoint, id, project_id))


def list(  # noqa: A001
    session: Session,
    project_id: str | None,
    transfer_id: str | None = None,
    page: Page | None = None,
) -> Sequence[RecoveryPoint]:
    """A page of points, newest first."""
    where: Any = []
    if project_id is not None:
        where.append(models.RecoveryPoint.project_id == project_id)
    if transfer_id is not None:
        where.append(models.RecoveryPoint.transfer_id == transfer_id)
    rows = select_page(
        session, models.RecoveryPoint, page or Page(), where, _ALLOWED
    )
    return [value(row) for row in rows]


def set_pinned(session: Session, id: str, pinned: bool) -> RecoveryPoint:
    """Keeps the point out of retention, or gives it back to it.

    The replica's version grows too: a task that decides at this moment
    which points to drop then sees that it decided on old facts.
    """
    row = of_id(session, models.RecoveryPoint, id)
    swap(
        session,
        models.Replica,
        [
            models.Replica.transfer_id == row.transfer_id,
            models.Replica.instance == row.instance,
        ],
        version=models.Replica.version + 1,
    )
    swap(
        session,
        models.RecoveryPoint,
        [models.RecoveryPoint.id == id],
        pinned=pinned,
    )
    return get(session, id)


def held_by(session: Session, id: str) -> Sequence[str]:
    """The ids of deployments whose machines may still stand on the point:
    those that have a machine, and those that have not failed; oldest
    first."""
    gone = sa.and_(
        models.DeployedVm.vm.is_(None),
        sa.func.coalesce(models.Deployment.last_execution_state, '').in_(
            [ExecutionState.FAILED, ExecutionState.CANCELED]
        ),
    )
    return session.scalars(
        sa.select(models.Deployment.id)
        .join(
            models.DeployedVm,
            models.Deployment.id == models.DeployedVm.deployment_id,
        )
        .where(models.DeployedVm.recovery_point_id == id, sa.not_(gone))
        .order_by(models.Deployment.created_at, models.Deployment.id)
    ).all()


def value(row: models.RecoveryPoint) -> RecoveryPoint:
    """The point of a row; ``pinned`` is the row's own."""
    return from_plain(RecoveryPoint, {**row.data, 'pinned': row.pinned})


def save(
    session: Session,
    transfer_id: str,
    before: Sequence[RecoveryPoint],
    after: Sequence[RecoveryPoint],
) -> None:
    """Adds, changes and removes what differs between the two."""
    old = {point.id: point for point in before}
    new = {point.id: point for point in after}
    gone = [id for id in old if id not in new]
    for start in range(0, len(gone), CHUNK):
        some = gone[start : start + CHUNK]
        remove(
            session, models.RecoveryPoint, models.RecoveryPoint.id.in_(some)
        )
    changed = [p for id, p in new.items() if old.get(id) != p]
    if not changed:
        return
    project_id = session.scalar(
        sa.select(models.Transfer.project_id).where(
            models.Transfer.id == transfer_id
        )
    )
    upsert(
        session,
        models.RecoveryPoint,
        [
            {
                'id': point.id,
                'project_id': project_id,
                'transfer_id': transfer_id,
                'instance': point.instance,
                'execution_id': point.execution_id,
                'created_at': point.created_at,
                'pinned': point.pinned,
                'data': to_plain(point),
            }
            for point in changed
        ],
        keys=['id'],
        update=['pinned', 'data'],
    )
