# SPDX-License-Identifier: Apache-2.0
"""Services: in or out of use, mapped to regions, forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import regions
from coriolis_ng.conductor.advance import advance_all
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.versions import check_tag
from coriolis_ng.db import api as db
from coriolis_ng.objects.service import Service


def create(
    parts: Parts,
    host: str,
    binary: str,
    enabled: bool | None = None,
    mapped_regions: Sequence[str] | None = None,
) -> Service:
    """Services make themselves known; this only says how one of them is
    used. ``InvalidInput`` for one that was never heard of."""

    def write(session: Session) -> Service:
        try:
            found = db.services.find(session, host, binary)
        except errors.NotFound:
            raise errors.InvalidInput(
                f'No {binary} on {host!r} has made itself known yet: start '
                'it first.',
                field='$.host',
            ) from None
        regions.check(session, mapped_regions or ())
        return db.services.update(session, found.id, enabled, mapped_regions)

    made = parts.database.write(write)
    advance_all(parts)
    return made


def update(
    parts: Parts,
    id: str,
    enabled: bool | None = None,
    mapped_regions: Sequence[str] | None = None,
    seen: str | None = None,
) -> Service:
    """None stays as it is; ``PreconditionFailed`` when its tag is not
    ``seen`` any more."""

    def write(session: Session) -> Service:
        db.services.hold(session, id)
        check_tag(db.services.get(session, id).tag, seen)
        regions.check(session, mapped_regions or ())
        return db.services.update(session, id, enabled, mapped_regions)

    made = parts.database.write(write)
    advance_all(parts)
    return made


def delete(parts: Parts, id: str) -> None:
    """``Conflict`` while it is alive: it would only come back."""
    parts.database.write(lambda s: db.services.delete(s, id))
