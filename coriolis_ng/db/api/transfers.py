# SPDX-License-Identifier: Apache-2.0
"""Rows of transfers, and who holds one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.api.owners import being_cancelled
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, of_ids, remove, swap, update_version
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.transfer import Transfer, TransferSpec

_ALLOWED = {
    'scenario': models.Transfer.scenario,
    'last_execution_state': models.Transfer.last_execution_state,
    'origin_endpoint_id': models.Transfer.origin_endpoint_id,
    'destination_endpoint_id': models.Transfer.destination_endpoint_id,
    'created_at': models.Transfer.created_at,
}


def create(session: Session, transfer: Transfer) -> Transfer:
    """Stores it as given; both endpoints must exist."""
    spec = transfer.spec
    row = models.Transfer(
        id=transfer.id,
        project_id=transfer.project_id,
        user_id=transfer.user_id,
        origin_endpoint_id=spec.origin_endpoint_id,
        destination_endpoint_id=spec.destination_endpoint_id,
        scenario=spec.scenario,
        spec=to_plain(spec),
        created_at=transfer.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    return _value(row)


def get(session: Session, id: str, project_id: str | None = None) -> Transfer:
    """``NotFound`` for another project's; None means any project."""
    return _value(of_id(session, models.Transfer, id, project_id))


def several(session: Session, ids: Iterable[str]) -> dict[str, Transfer]:
    """Those of these that exist, by id, whosever they are."""
    rows = of_ids(session, models.Transfer, ids)
    return {row.id: _value(row) for row in rows}


def list(  # noqa: A001
    session: Session,
    project_id: str | None,
    page: Page | None = None,
    cancelling: bool | None = None,
) -> Sequence[Transfer]:
    """A page of a project's transfers (of all projects for None);
    ``cancelling``: only those whose execution was asked to stop, or only the
    others."""
    where: Any = []
    if project_id is not None:
        where.append(models.Transfer.project_id == project_id)
    if cancelling is not None:
        asked = being_cancelled(models.Transfer.id)
        where.append(asked if cancelling else sa.not_(asked))
    rows = select_page(
        session, models.Transfer, page or Page(), where, _ALLOWED
    )
    return [_value(row) for row in rows]


def update(session: Session, transfer: Transfer) -> Transfer:
    """Writes the spec of a value made from one that was read; ``Changed``
    when the row's version is not the value's."""
    spec = transfer.spec
    update_version(
        session,
        models.Transfer,
        transfer.id,
        transfer.version,
        origin_endpoint_id=spec.origin_endpoint_id,
        destination_endpoint_id=spec.destination_endpoint_id,
        scenario=spec.scenario,
        spec=to_plain(spec),
    )
    return get(session, transfer.id)


def delete(session: Session, id: str) -> None:
    """Removes it with its replicas, points and executions; ``Conflict``
    while an execution holds it. The ledger stays."""
    where = [models.Transfer.id == id, models.Transfer.busy_with.is_(None)]
    if not remove(session, models.Transfer, *where):
        of_id(session, models.Transfer, id)
        raise errors.Conflict('the transfer is busy with an execution')
    remove(session, models.Execution, models.Execution.owner_id == id)


def lock(session: Session, id: str) -> Transfer:
    """The transfer as it is now, and stays until the transaction ends."""
    row = session.scalars(
        sa.select(models.Transfer)
        .where(models.Transfer.id == id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise errors.NotFound(f'there is no transfer {id!r}')
    return _value(row)


def claim(session: Session, id: str, execution_id: str) -> bool:
    """True when the execution now holds the transfer, or did already."""
    held = models.Transfer.busy_with
    where = [
        models.Transfer.id == id,
        sa.or_(held.is_(None), held == execution_id),
    ]
    return swap(session, models.Transfer, where, busy_with=execution_id) == 1


def tell(session: Session, id: str, state: str | None) -> None:
    """Says what its last execution came to, or comes to."""
    where = [models.Transfer.id == id]
    swap(session, models.Transfer, where, last_execution_state=state)


def release(session: Session, id: str, execution_id: str) -> bool:
    """False when that execution did not hold it."""
    where = [
        models.Transfer.id == id,
        models.Transfer.busy_with == execution_id,
    ]
    return swap(session, models.Transfer, where, busy_with=None) == 1


def _value(row: models.Transfer) -> Transfer:
    return Transfer(
        id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        spec=from_plain(TransferSpec, row.spec),
        busy_with=row.busy_with,
        last_execution_state=row.last_execution_state,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
