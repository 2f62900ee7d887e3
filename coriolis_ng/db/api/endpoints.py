# SPDX-License-Identifier: Apache-2.0
"""Rows of endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, of_ids, remove, update_version
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.bandwidth import Bandwidth
from coriolis_ng.objects.endpoint import Endpoint

_ALLOWED = {
    'name': models.Endpoint.name,
    'type': models.Endpoint.type,
    'created_at': models.Endpoint.created_at,
}


def create(session: Session, endpoint: Endpoint) -> Endpoint:
    """Stores it as given, with the time set."""
    row = models.Endpoint(
        id=endpoint.id,
        project_id=endpoint.project_id,
        user_id=endpoint.user_id,
        name=endpoint.name,
        type=endpoint.type,
        secret=endpoint.secret,
        description=endpoint.description,
        mapped_regions=[*endpoint.mapped_regions],
        slots=endpoint.slots,
        bandwidth=_plain(endpoint),
        created_at=endpoint.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    return _value(row)


def get(session: Session, id: str, project_id: str | None = None) -> Endpoint:
    """``NotFound`` for another project's; None means any project."""
    return _value(of_id(session, models.Endpoint, id, project_id))


def several(session: Session, ids: Sequence[str]) -> dict[str, Endpoint]:
    """Endpoints by id, in one statement; missing ones are left out."""
    rows = of_ids(session, models.Endpoint, ids)
    return {row.id: _value(row) for row in rows}


def list(  # noqa: A001
    session: Session, project_id: str | None, page: Page | None = None
) -> Sequence[Endpoint]:
    """A page of a project's endpoints (of all projects for None)."""
    where = (
        []
        if project_id is None
        else [models.Endpoint.project_id == project_id]
    )
    rows = select_page(
        session, models.Endpoint, page or Page(), where, _ALLOWED
    )
    return [_value(row) for row in rows]


def update(session: Session, endpoint: Endpoint) -> Endpoint:
    """Writes the user's fields of a value made from one that was read;
    ``Changed`` when the row's version is not the value's."""
    update_version(
        session,
        models.Endpoint,
        endpoint.id,
        endpoint.version,
        name=endpoint.name,
        secret=endpoint.secret,
        description=endpoint.description,
        mapped_regions=[*endpoint.mapped_regions],
        slots=endpoint.slots,
        bandwidth=_plain(endpoint),
    )
    return get(session, endpoint.id)


def delete(session: Session, id: str) -> None:
    """``Conflict`` while a transfer uses it."""
    of_id(session, models.Endpoint, id)
    if users := users_of(session, id):
        raise errors.Conflict(
            f'the endpoint is used by transfers: {", ".join(users[:5])}'
        )
    remove(session, models.Endpoint, models.Endpoint.id == id)


def users_of(session: Session, id: str) -> Sequence[str]:
    """The ids of the transfers that use the endpoint, on either side."""
    return session.scalars(
        sa.select(models.Transfer.id)
        .where(
            sa.or_(
                models.Transfer.origin_endpoint_id == id,
                models.Transfer.destination_endpoint_id == id,
            )
        )
        .order_by(models.Transfer.id)
    ).all()


def _plain(endpoint: Endpoint) -> Any:
    limit = endpoint.bandwidth
    return None if limit is None else to_plain(limit)


def _bandwidth(row: models.Endpoint) -> Bandwidth | None:
    plain = row.bandwidth
    return None if plain is None else from_plain(Bandwidth, plain)


def _value(row: models.Endpoint) -> Endpoint:
    return Endpoint(
        id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        name=row.name,
        type=row.type,
        secret=row.secret,
        description=row.description,
        mapped_regions=tuple(row.mapped_regions),
        slots=row.slots,
        bandwidth=_bandwidth(row),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
