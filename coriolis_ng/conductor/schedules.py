# SPDX-License-Identifier: Apache-2.0
"""Schedules of transfers: made, changed, removed."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.versions import check_version
from coriolis_ng.db import api as db
from coriolis_ng.objects import from_plain, new_id, to_plain
from coriolis_ng.objects.schedule import Schedule, ScheduleSpec
from coriolis_ng.scheduler import calendar


def create(
    parts: Parts, who: Asker, transfer_id: str, spec: ScheduleSpec
) -> Schedule:
    """``InvalidInput`` for what cannot be meant, or never comes."""

    def write(session: Session) -> Schedule:
        transfer = db.transfers.get(session, transfer_id, who.project_id)
        now = parts.database.now(session)
        _check(spec, now)
        return db.schedules.create(
            session,
            Schedule(
                id=new_id(),
                transfer_id=transfer_id,
                project_id=transfer.project_id,
                user_id=who.user_id,
                spec=spec,
                next_due_at=_first(spec, now, now),
                created_at=now,
            ),
        )

    return parts.database.write(write)


def update(
    parts: Parts,
    who: Asker,
    id: str,
    changes: dict[str, Any],
    version: int | None = None,
) -> Schedule:
    """``changes`` are fields of ``ScheduleSpec``; what was due and not
    started before is forgotten. ``PreconditionFailed`` when it is not of
    that version any more."""

    def write(session: Session) -> Schedule:
        before = db.schedules.get(session, id, who.project_id)
        check_version(before, version)
        plain = {**to_plain(before.spec), **changes}
        spec = from_plain(ScheduleSpec, plain)
        now = parts.database.now(session)
        same_end = spec.expiration_date == before.spec.expiration_date
        _check(spec, None if same_end else now)
        changed = msgspec.structs.replace(
            before,
            spec=spec,
            next_due_at=_first(spec, now, before.created_at or now),
        )
        return db.schedules.update(session, changed)

    return parts.database.write(write)


def delete(parts: Parts, who: Asker, id: str) -> None:
    """What it has started goes on."""

    def write(session: Session) -> None:
        db.schedules.get(session, id, who.project_id)
        db.schedules.delete(session, id)

    parts.database.write(write)


def _check(spec: ScheduleSpec, now: datetime.datetime | None) -> None:
    calendar.check(spec)
    ends = spec.expiration_date
    if ends is not None and now is not None and ends <= now:
        raise errors.InvalidInput(
            'expiration_date is in the past.', field='$.expiration_date'
        )


def _first(
    spec: ScheduleSpec, now: datetime.datetime, created: datetime.datetime
) -> datetime.datetime | None:
    """When it is due first; a continuous one at once."""
    if not spec.enabled:
        return None
    if spec.continuous:
        ends = spec.expiration_date
        return now if ends is None or now < ends else None
    return calendar.next_due(spec, now, created)
