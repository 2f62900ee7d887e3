# SPDX-License-Identifier: Apache-2.0
"""Divides the limits of endpoints and transfers among all copies that run,
whichever workers run them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from sqlalchemy.orm import Session

from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.db.clock import utcnow
from coriolis_ng.objects.bandwidth import Bandwidth, shares


def moving(parts: Parts) -> frozenset[str]:
    """The names of the tasks that move bytes."""
    return frozenset(n for n, kind in parts.tasks.items() if kind.moves)


def divided(parts: Parts, session: Session) -> dict[str, float | None]:
    """Bytes per second for each copy that runs, by the id of its task; two
    statements. A copy that begins or ends changes the shares of the others
    with the next beats of their workers."""
    now = utcnow()
    copies = db.copies.running(session, moving(parts))
    ends = {one.origin_endpoint_id for one in copies}
    ends |= {one.destination_endpoint_id for one in copies}
    if not copies:
        return {}
    given: list[tuple[str, Bandwidth]] = [
        *db.copies.limits(session, ends).items(),
        *((c.transfer_id, c.bandwidth) for c in copies if c.bandwidth),
    ]
    links = [
        {
            one.transfer_id,
            one.origin_endpoint_id,
            one.destination_endpoint_id,
        }
        for one in copies
    ]
    found = shares([sorted(ids) for ids in links], _at(given, now))
    ids = [one.task_id for one in copies]
    return dict(zip(ids, found, strict=True))


def _at(
    given: Iterable[tuple[str, Bandwidth]], now: datetime.datetime
) -> dict[str, float]:
    rates = {id: limit.at(now) for id, limit in given}
    return {id: rate for id, rate in rates.items() if rate is not None}
