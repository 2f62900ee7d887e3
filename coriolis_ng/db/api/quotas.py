# SPDX-License-Identifier: Apache-2.0
"""Rows of quotas: limits of projects, what is used, and claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects.execution import ExecutionKind, ExecutionState
from coriolis_ng.objects.quota import QuotaResource

_KEYS = ['project_id', 'resource']
COUNTED = (ExecutionKind.TRANSFER, ExecutionKind.DEPLOYMENT)


def limits(session: Session, project_id: str) -> dict[QuotaResource, int]:
    """What was set for this project, and only that."""
    table = models.Quota
    rows = session.execute(
        sa.select(table.resource, table.limit).where(
            table.project_id == project_id, table.limit.is_not(None)
        )
    )
    known = {one.value for one in QuotaResource}
    return {
        QuotaResource(resource): limit
        for resource, limit in rows
        if resource in known and limit is not None
    }


def set_limits(
    session: Session,
    project_id: str,
    limits: Mapping[QuotaResource, int | None],
) -> None:
    """Those that are named; None goes back to the default."""
    rows = [
        {
            'project_id': project_id,
            'resource': resource.value,
            'limit': limit,
            'claims': 0,
        }
        for resource, limit in limits.items()
    ]
    if rows:
        upsert(session, models.Quota, rows, _KEYS, ['limit'])


def hold(session: Session, project_id: str, resource: QuotaResource) -> None:
    """Makes all who claim the same wait until this transaction ends: what
    is counted after this stays true until the commit."""
    row = {
        'project_id': project_id,
        'resource': resource.value,
        'limit': None,
        'claims': 0,
    }
    upsert(session, models.Quota, [row], _KEYS, [])
    table = models.Quota
    session.execute(
        sa.update(table)
        .where(
            table.project_id == project_id, table.resource == resource.value
        )
        .values(claims=table.claims + 1)
        .execution_options(synchronize_session=False)
    )


def usage(session: Session, project_id: str, resource: QuotaResource) -> int:
    """How much of it the project uses now."""
    if resource is QuotaResource.EXECUTIONS:
        return _running(session, project_id)
    return _instances(session, project_id)


def _running(session: Session, project_id: str) -> int:
    table = models.Execution
    found = session.scalar(
        sa.select(sa.func.count())
        .select_from(table)
        .where(
            table.state == ExecutionState.RUNNING,
            table.project_id == project_id,
            table.kind.in_([*COUNTED]),
        )
    )
    return found or 0


def _instances(session: Session, project_id: str) -> int:
    specs: Any = session.scalars(
        sa.select(models.Transfer.spec).where(
            models.Transfer.project_id == project_id
        )
    )
    return sum(len(one['instances']) for one in specs)
