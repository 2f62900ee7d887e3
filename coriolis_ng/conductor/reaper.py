# SPDX-License-Identifier: Apache-2.0
"""Takes tasks back from workers that are lost.

Only the database's clock counts. A reaper that was cut off itself, or that
saw nobody beat, cannot tell who is lost: it waits one whole lease first.
"""

from __future__ import annotations

import datetime
import logging

from sqlalchemy.orm import Session

from coriolis_ng import context, metrics
from coriolis_ng.conductor import losses
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.wake import wake
from coriolis_ng.conductor.workers import workers
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import TaskRow

LOG = logging.getLogger(__name__)


class Reaper:
    """Call :meth:`reap` every ``reap_seconds``; not thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lease = datetime.timedelta(seconds=parts.settings.lease_seconds)
        self._last: datetime.datetime | None = None
        self._blind_until: datetime.datetime | None = None
        self._quiet = False

    def reap(self) -> int:
        """How many tasks were taken back."""
        now, newest, late = self._parts.database.read(self._look)
        if not self._sees(now, newest) or not late:
            return 0
        given_up: list[TaskRow] = []
        for row in late:
            if self._parts.database.write(lambda s, r=row: self._take(s, r)):
                given_up.append(row)
                metrics.LEASES_LOST.labels('silent').inc()
        for execution_id in sorted({row.execution_id for row in given_up}):
            advance(self._parts, execution_id)
        if given_up:
            wake(self._parts)
        return len(given_up)

    def _look(
        self, session: Session
    ) -> tuple[datetime.datetime, datetime.datetime | None, list[TaskRow]]:
        beats = [
            s.alive_at
            for s in workers(self._parts, session).values()
            if s.alive_at
        ]
        return (
            self._parts.database.now(session),
            max(beats, default=None),
            list(db.tasks.expired(session)),
        )

    def _sees(
        self, now: datetime.datetime, newest: datetime.datetime | None
    ) -> bool:
        """Whether what looks lost is lost."""
        cut_off = self._last is None or now - self._last > self._lease / 2
        quiet = newest is None or now - newest > self._lease / 2
        if cut_off or (quiet and not self._quiet):
            self._blind_until = now + self._lease
        self._last, self._quiet = now, quiet
        return self._blind_until is None or now >= self._blind_until

    def _take(self, session: Session, seen: TaskRow) -> bool:
        row = db.tasks.get(session, seen.id)
        if not row.expired or row.attempt != seen.attempt:
            return False  # it was renewed in the last moment
        execution = db.executions.get(session, row.execution_id)
        reason = f'Its worker {row.host} was lost.'
        with context.within(
            request_id=execution.spec.request_id,
            project_id=execution.project_id,
            execution=execution.id,
            task=row.id,
            attempt=row.attempt,
        ):
            lost = losses.give_up(self._parts, session, row, execution, reason)
        if lost and row.service_id is not None:
            db.slots.repair(session, row.service_id)
            db.slots.repair_scopes(session)
        return lost
