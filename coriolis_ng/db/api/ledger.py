# SPDX-License-Identifier: Apache-2.0
"""Rows of the ledger: what we made in clouds and have not removed yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.row import remove, swap
from coriolis_ng.db.rows import Entry
from coriolis_ng.db.upsert import CHUNK, upsert
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.task import TaskState


def created(
    session: Session,
    task_id: str,
    attempt: int,
    resource: Resource,
    *,
    endpoint_id: str | None = None,
    transfer_id: str | None = None,
    deployment_id: str | None = None,
    instance: str | None = None,
) -> None:
    """Records a thing that the running attempt is about to make; a next
    attempt that records the same thing takes the entry over.

    Raises ``Stale`` when the attempt is not the current one. The task's
    row stays locked, so that nobody can give the task to another worker
    between this check and the commit.
    """
    task = session.execute(
        sa.select(
            models.Task.execution_id,
            models.Task.instance,
            models.Execution.project_id,
        )
        .join(
            models.Execution,
            models.Execution.id == models.Task.execution_id,
        )
        .where(
            models.Task.id == task_id,
            models.Task.attempt == attempt,
            models.Task.state == TaskState.RUNNING,
        )
        .with_for_update(read=True, of=models.Task)
    ).one_or_none()
    if task is None:
        raise errors.Stale('the attempt is not the current one')
    row = {
        'id': resource.id,
        'kind': resource.kind,
        'side': resource.side,
        'tag': resource.tag,
        'attempt': attempt,
        'parent': resource.parent,
        'endpoint_id': endpoint_id,
        'execution_id': task.execution_id,
        'task_id': task_id,
        'transfer_id': transfer_id,
        'deployment_id': deployment_id,
        'instance': task.instance if instance is None else instance,
        'project_id': task.project_id,
        'tries': 0,
        'reason': '',
        'created_at': utcnow(),
    }
    keys = ['task_id', 'kind', 'id', 'side']
    upsert(session, models.Ledger, [row], keys, ['attempt', 'tag', 'parent'])


def dropped(
    session: Session,
    kind: ResourceKind,
    id: str,
    *,
    transfer_id: str | None = None,
    deployment_id: str | None = None,
    side: Side | None = None,
) -> int:
    """Removes what is recorded of a thing of that owner that is gone;
    how many entries these were."""
    where = [models.Ledger.kind == kind, models.Ledger.id == id]
    if transfer_id is not None:
        where.append(models.Ledger.transfer_id == transfer_id)
    if deployment_id is not None:
        where.append(models.Ledger.deployment_id == deployment_id)
    if side is not None:
        where.append(models.Ledger.side == side)
    return remove(session, models.Ledger, *where)


def found(
    session: Session, entry: Entry, project_id: str | None = None
) -> None:
    """Records a thing that was found in a cloud, by the tag of a task that
    has long ended; nothing changes when it is known already."""
    resource = entry.resource
    row = {
        'id': resource.id,
        'kind': resource.kind,
        'side': resource.side,
        'tag': resource.tag,
        'attempt': resource.attempt,
        'parent': resource.parent,
        'endpoint_id': entry.endpoint_id,
        'execution_id': entry.execution_id,
        'task_id': entry.task_id,
        'transfer_id': entry.transfer_id,
        'deployment_id': entry.deployment_id,
        'instance': entry.instance,
        'project_id': project_id,
        'tries': 0,
        'reason': '',
        'created_at': utcnow(),
    }
    upsert(
        session, models.Ledger, [row], ['task_id', 'kind', 'id', 'side'], []
    )


def hand_over(
    session: Session,
    ids: Collection[str],
    *,
    transfer_id: str,
    instance: str,
    deployment_id: str,
) -> int:
    """Makes volumes of a replica a deployment's; how many entries these
    were."""
    table = models.Ledger
    where = [
        table.kind == ResourceKind.VOLUME,
        table.id.in_(sorted(ids)),
        table.transfer_id == transfer_id,
        table.instance == instance,
        table.deployment_id.is_(None),
    ]
    return swap(session, table, where, deployment_id=deployment_id)


def rows(
    session: Session,
    *,
    task_ids: Collection[str] | None = None,
    execution_id: str | None = None,
    transfer_id: str | None = None,
    deployment_id: str | None = None,
    endpoint_id: str | None = None,
    instance: str | None = None,
    sides: Collection[Side] | None = None,
    kinds: Collection[ResourceKind] | None = None,
) -> Sequence[Entry]:
    """The entries that match everything given, in the order of creation."""
    table = models.Ledger
    equal: dict[Any, Any] = {
        table.execution_id: execution_id,
        table.transfer_id: transfer_id,
        table.deployment_id: deployment_id,
        table.endpoint_id: endpoint_id,
        table.instance: instance,
    }
    where = [c == value for c, value in equal.items() if value is not None]
    if sides is not None:
        where.append(table.side.in_([*sides]))
    if kinds is not None:
        where.append(table.kind.in_([*kinds]))
    if task_ids is None:
        return _entries(session, where)
    wanted = sorted(task_ids)
    found: list[Entry] = []
    for begin in range(0, len(wanted), CHUNK):
        some = table.task_id.in_(wanted[begin : begin + CHUNK])
        found.extend(_entries(session, [*where, some]))
    return found


def _entries(session: Session, where: Sequence[Any]) -> Sequence[Entry]:
    query = (
        sa.select(models.Ledger, models.Execution.state)
        .outerjoin(
            models.Execution,
            models.Execution.id == models.Ledger.execution_id,
        )
        .where(*where)
        .order_by(models.Ledger.number)
        .execution_options(populate_existing=True)
    )
    return [_entry(row, state) for row, state in session.execute(query)]


def _entry(row: models.Ledger, state: str | None) -> Entry:
    return Entry(
        resource=Resource(
            kind=ResourceKind(row.kind),
            id=row.id,
            tag=row.tag,
            side=Side(row.side),
            attempt=row.attempt,
            parent=row.parent,
        ),
        execution_id=row.execution_id,
        task_id=row.task_id,
        endpoint_id=row.endpoint_id,
        transfer_id=row.transfer_id,
        deployment_id=row.deployment_id,
        instance=row.instance,
        ended=state != ExecutionState.RUNNING,
        created_at=row.created_at,
    )
