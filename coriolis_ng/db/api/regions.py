# SPDX-License-Identifier: Apache-2.0
"""Rows of regions, and who names them. Regions belong to no project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, remove, update_version
from coriolis_ng.objects.region import Region

_ALLOWED = {
    'name': models.Region.name,
    'enabled': models.Region.enabled,
    'created_at': models.Region.created_at,
}

Mapped = Mapping[str, Sequence[str]]


def create(session: Session, region: Region) -> Region:
    """Stores it as given, with the time set."""
    row = models.Region(
        id=region.id,
        name=region.name,
        description=region.description,
        enabled=region.enabled,
        created_at=region.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    return _value(row, {}, {})


def get(session: Session, id: str, project_id: str | None = None) -> Region:
    """With the endpoints of that project (of all for None)."""
    row = of_id(session, models.Region, id)
    return _values(session, [row], project_id)[0]


def list(  # noqa: A001
    session: Session,
    project_id: str | None = None,
    page: Page | None = None,
) -> Sequence[Region]:
    """A page of all regions; the project only limits which endpoints are
    named."""
    rows = select_page(session, models.Region, page or Page(), [], _ALLOWED)
    return _values(session, rows, project_id)


def missing(session: Session, ids: Iterable[str]) -> Sequence[str]:
    """Those of the ids that are no region, in their order."""
    wanted = [*dict.fromkeys(ids)]
    if not wanted:
        return []
    there = set(
        session.scalars(
            sa.select(models.Region.id).where(models.Region.id.in_(wanted))
        )
    )
    return [id for id in wanted if id not in there]


def disabled(session: Session) -> frozenset[str]:
    """The ids of the regions that nobody serves now."""
    return frozenset(
        session.scalars(
            sa.select(models.Region.id).where(
                models.Region.enabled.is_(sa.false())
            )
        )
    )


def update(session: Session, region: Region) -> Region:
    """Writes the user's fields of a value made from one that was read;
    ``Changed`` when the row's version is not the value's."""
    update_version(
        session,
        models.Region,
        region.id,
        region.version,
        name=region.name,
        description=region.description,
        enabled=region.enabled,
    )
    return get(session, region.id)


def delete(session: Session, id: str) -> None:
    """``Conflict`` while endpoints or services name it: without it they
    would be everywhere, or nowhere."""
    region = get(session, id)
    users = [*region.mapped_endpoints, *region.mapped_services]
    if users:
        raise errors.Conflict(
            f'{len(region.mapped_endpoints)} endpoints and '
            f'{len(region.mapped_services)} services are mapped to the '
            'region: map them to others first.'
        )
    remove(session, models.Region, models.Region.id == id)


def _naming(session: Session, model: Any, *where: Any) -> Mapped:
    """Ids by the region that they name, in one statement."""
    query = (
        sa.select(model.id, model.mapped_regions)
        .where(model.mapped_regions != [], *where)
        .order_by(model.id)
    )
    found: dict[str, Any] = {}
    for id, regions in session.execute(query):
        for region in dict.fromkeys(regions):
            found.setdefault(region, []).append(id)
    return found


def _values(
    session: Session, rows: Sequence[models.Region], project_id: str | None
) -> Sequence[Region]:
    mine = (
        []
        if project_id is None
        else [models.Endpoint.project_id == project_id]
    )
    endpoints = _naming(session, models.Endpoint, *mine)
    services = _naming(session, models.Service)
    return [_value(row, endpoints, services) for row in rows]


def _value(row: models.Region, endpoints: Mapped, services: Mapped) -> Region:
    return Region(
        id=row.id,
        name=row.name,
        description=row.description,
        enabled=row.enabled,
        mapped_endpoints=tuple(endpoints.get(row.id, ())),
        mapped_services=tuple(services.get(row.id, ())),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
