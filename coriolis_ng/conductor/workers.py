# SPDX-License-Identifier: Apache-2.0
"""The workers that tasks and questions can be given to."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects.service import Service
from coriolis_ng.scheduler.filters import WORKER


def workers(parts: Parts, session: Session) -> dict[str, Service]:
    """All workers by id; alive is whoever beat within a lease. Nobody
    serves a region that is disabled."""
    found = db.services.list(
        session, WORKER, lease_seconds=parts.settings.lease_seconds
    )
    if any(service.mapped_regions for service in found):
        disabled = db.regions.disabled(session)
        found = [_without(service, disabled) for service in found]
    return {service.id: service for service in found}


def _without(service: Service, regions: frozenset[str]) -> Service:
    left = tuple(r for r in service.mapped_regions if r not in regions)
    return msgspec.structs.replace(service, mapped_regions=left)
