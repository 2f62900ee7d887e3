# SPDX-License-Identifier: Apache-2.0
"""Quotas: what a project may use, asked first and claimed in the
transaction that uses it.

Limits come from this service (the configuration, and rows for projects) or
from Keystone; usage is always counted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor.limits import LimitsByResource
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.versions import check_tag
from coriolis_ng.db import api as db
from coriolis_ng.objects.quota import (
    UNLIMITED,
    Quota,
    QuotaResource,
    QuotaSource,
    tag,
)


def claim(
    session: Session,
    parts: Parts,
    asked: LimitsByResource,
    project_id: str,
    resource: QuotaResource,
    count: int = 1,
) -> None:
    """``QuotaExceeded`` when the project would use more than it may. Until
    the transaction ends nobody else can claim the same."""
    limit = _limits(parts, session, asked, project_id)[resource][0]
    if limit == UNLIMITED:
        return
    db.quotas.hold(session, project_id, resource)
    usage = db.quotas.usage(session, project_id, resource)
    if usage + count > limit:
        raise errors.QuotaExceeded(
            f'Quota exceeded for {resource}: {usage} of {limit} are in use, '
            f'{count} more asked for.'
        )


def show(parts: Parts, project_id: str) -> Sequence[Quota]:
    """All resources with their limits and what is used."""
    asked = parts.limits.ask(project_id)
    return parts.database.read(lambda s: _shown(parts, s, asked, project_id))


def _shown(
    parts: Parts, session: Session, asked: LimitsByResource, project_id: str
) -> list[Quota]:
    limits = _limits(parts, session, asked, project_id)
    return [
        Quota(
            resource=resource,
            limit=limit,
            source=source,
            usage=db.quotas.usage(session, project_id, resource),
        )
        for resource, (limit, source) in limits.items()
    ]


def update(
    parts: Parts,
    project_id: str,
    limits: Mapping[str, int | None],
    seen: str | None = None,
) -> Sequence[Quota]:
    """Sets what is named, None goes back to the default; ``Conflict`` where
    Keystone keeps the limits, ``PreconditionFailed`` where the tag of all is
    not ``seen`` any more."""
    if not parts.limits.local:
        raise errors.Conflict(
            'The limits are kept by Keystone: change them there.'
        )
    wanted: dict[QuotaResource, int | None] = {}
    for name, limit in limits.items():
        if limit is not None and limit < UNLIMITED:
            raise errors.InvalidInput(
                'A limit is -1 (none) or more.', field=f'$.{name}'
            )
        wanted[QuotaResource(name)] = limit
    asked = parts.limits.ask(project_id)

    def write(session: Session) -> list[Quota]:
        if seen is not None:
            for resource in QuotaResource:
                db.quotas.hold(session, project_id, resource)
            before = _shown(parts, session, asked, project_id)
            check_tag(tag(before), seen)
        db.quotas.set_limits(session, project_id, wanted)
        return _shown(parts, session, asked, project_id)

    return parts.database.write(write)


def _limits(
    parts: Parts,
    session: Session,
    asked: LimitsByResource,
    project_id: str,
) -> dict[QuotaResource, tuple[int, QuotaSource]]:
    source = (
        QuotaSource.DEFAULT if parts.limits.local else (QuotaSource.KEYSTONE)
    )
    found = {one: (limit, source) for one, limit in asked.items()}
    if parts.limits.local:
        for one, limit in db.quotas.limits(session, project_id).items():
            found[one] = (limit, QuotaSource.PROJECT)
    return found
