# SPDX-License-Identifier: Apache-2.0
"""Rows of what the audit is still to look at: one for each cloud of an
execution that has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.clock import later
from coriolis_ng.db.row import remove, swap
from coriolis_ng.db.rows import Audit
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.resource import Side

_Audit = models.Audit


def create(
    session: Session,
    execution: Execution,
    endpoints: Mapping[Side, str],
    delay_seconds: float,
    *,
    transfer_id: str | None = None,
    deployment_id: str | None = None,
) -> None:
    """Has the clouds looked at once more, so many seconds from now."""
    due = session.scalar(sa.select(later(delay_seconds)))
    rows = [
        {
            'execution_id': execution.id,
            'side': side,
            'project_id': execution.project_id,
            'endpoint_id': endpoint_id,
            'transfer_id': transfer_id,
            'deployment_id': deployment_id,
            'tries': 0,
            'due_at': due,
        }
        for side, endpoint_id in endpoints.items()
    ]
    upsert(session, _Audit, rows, ['execution_id', 'side'], [])


def due(session: Session, limit: int = 100) -> Sequence[Audit]:
    """Those whose time has come, the oldest first."""
    rows = session.scalars(
        sa.select(_Audit)
        .where(_Audit.due_at <= later(0))
        .order_by(_Audit.due_at)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [_value(row) for row in rows]


def claim(session: Session, audit: Audit, delay_seconds: float) -> bool:
    """Puts it off, to be looked at by the caller now; one caller wins."""
    where = [
        _Audit.execution_id == audit.execution_id,
        _Audit.side == audit.side,
        _Audit.tries == audit.tries,
        _Audit.due_at <= later(0),
    ]
    values = {'tries': audit.tries + 1, 'due_at': later(delay_seconds)}
    return swap(session, _Audit, where, **values) == 1


def find(session: Session, audit: Audit) -> Audit | None:
    """The same as it is now; None when nobody is to look any more."""
    row = session.scalars(
        sa.select(_Audit)
        .where(
            _Audit.execution_id == audit.execution_id,
            _Audit.side == audit.side,
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if row is None else _value(row)


def release(session: Session, deployment_id: str) -> None:
    """The deployment is gone and left nothing to anybody: what is found
    later is nobody's."""
    where = [_Audit.deployment_id == deployment_id]
    swap(session, _Audit, where, deployment_id=None)


def forget(session: Session, deployment_id: str) -> None:
    """Nobody looks any more for what a deployment may have left."""
    remove(session, _Audit, _Audit.deployment_id == deployment_id)


def delete(session: Session, audit: Audit) -> None:
    """It was looked at (or its cloud is no longer known)."""
    remove(
        session,
        _Audit,
        _Audit.execution_id == audit.execution_id,
        _Audit.side == audit.side,
    )


def _value(row: models.Audit) -> Audit:
    return Audit(
        execution_id=row.execution_id,
        side=Side(row.side),
        project_id=row.project_id,
        endpoint_id=row.endpoint_id,
        transfer_id=row.transfer_id,
        deployment_id=row.deployment_id,
        tries=row.tries,
    )
