# SPDX-License-Identifier: Apache-2.0
"""Regions: made, changed, removed; and whether what names one may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.versions import check_version
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.region import Region, RegionSpec


def create(parts: Parts, spec: RegionSpec) -> Region:
    """Names need not be unique."""
    region = Region(
        id=new_id(),
        name=spec.name,
        description=spec.description,
        enabled=spec.enabled,
    )
    return parts.database.write(lambda s: db.regions.create(s, region))


def update(
    parts: Parts, id: str, changes: dict[str, Any], version: int | None = None
) -> Region:
    """``changes``: any of name, description, enabled.
    ``PreconditionFailed`` when it is not of that version any more."""

    def write(session: Session) -> Region:
        before = db.regions.get(session, id)
        check_version(before, version)
        return db.regions.update(
            session, msgspec.structs.replace(before, **changes)
        )

    return parts.database.write(write)


def delete(parts: Parts, id: str) -> None:
    """``Conflict`` while endpoints or services are mapped to it."""
    parts.database.write(lambda s: db.regions.delete(s, id))


def check(session: Session, ids: Sequence[str]) -> None:
    """``InvalidInput`` for what is no region."""
    missing = db.regions.missing(session, ids)
    if missing:
        place = list(ids).index(missing[0])
        raise errors.InvalidInput(
            f'There is no region {missing[0]!r}.',
            field=f'$.mapped_regions[{place}]',
        )
