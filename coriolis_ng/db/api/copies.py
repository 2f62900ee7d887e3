# SPDX-License-Identifier: Apache-2.0
"""Tasks that move bytes just now, and the limits that they share."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.bandwidth import Bandwidth
from coriolis_ng.objects.task import TaskState


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A running task of a transfer, with the endpoints of both sides."""

    task_id: str
    attempt: int
    transfer_id: str
    origin_endpoint_id: str
    destination_endpoint_id: str
    bandwidth: Bandwidth | None = None  # of the transfer


def running(session: Session, names: Collection[str]) -> Sequence[Copy]:
    """All running tasks of these names, whichever worker has them."""
    task, run, transfer = models.Task, models.Execution, models.Transfer
    query = (
        sa.select(
            task.id,
            task.attempt,
            transfer.id.label('transfer_id'),
            transfer.origin_endpoint_id,
            transfer.destination_endpoint_id,
            transfer.spec,
        )
        .join(run, run.id == task.execution_id)
        .join(transfer, transfer.id == run.owner_id)
        .where(task.state == TaskState.RUNNING, task.name.in_(sorted(names)))
        .order_by(task.id)
    )
    return [
        Copy(
            task_id=row.id,
            attempt=row.attempt,
            transfer_id=row.transfer_id,
            origin_endpoint_id=row.origin_endpoint_id,
            destination_endpoint_id=row.destination_endpoint_id,
            bandwidth=_limit(row.spec.get('bandwidth')),
        )
        for row in session.execute(query)
    ]


def limits(session: Session, ids: Collection[str]) -> dict[str, Bandwidth]:
    """The limits of those of the endpoints that have any, by id."""
    endpoint = models.Endpoint
    rows = session.execute(
        sa.select(endpoint.id, endpoint.bandwidth).where(
            endpoint.id.in_(sorted(ids)), endpoint.bandwidth.is_not(None)
        )
    )
    found = {row.id: _limit(row.bandwidth) for row in rows}
    return {id: limit for id, limit in found.items() if limit is not None}


def _limit(plain: object) -> Bandwidth | None:
    return None if plain is None else from_plain(Bandwidth, plain)
