# SPDX-License-Identifier: Apache-2.0
"""Recovery points: kept, let go, deleted."""

from __future__ import annotations

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import executions, plans, runs
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import Execution, ExecutionKind
from coriolis_ng.objects.recovery_point import RecoveryPoint


def pin(parts: Parts, who: Asker, id: str, pinned: bool) -> RecoveryPoint:
    """Keeps a point whatever the transfer's ``keep_points`` says."""

    def write(session: Session) -> RecoveryPoint:
        db.recovery_points.get(session, id, who.project_id)
        return db.recovery_points.set_pinned(session, id, pinned)

    return parts.database.write(write)


def delete(parts: Parts, who: Asker, id: str) -> Execution:
    """``Conflict`` for a pinned point, one that deployed machines stand
    on, or one of a busy transfer."""
    execution_id = new_id()

    def write(session: Session) -> None:
        point = db.recovery_points.get(session, id, who.project_id)
        if point.pinned:
            raise errors.Conflict('The recovery point is pinned.')
        if holders := db.recovery_points.held_by(session, id):
            raise errors.Conflict(
                'Machines of deployments stand on the recovery point: '
                f'{", ".join(holders)}. Remove machines that are not needed '
                'any more and delete these deployments; one of a test is '
                'deleted with its machines.'
            )
        transfer = db.transfers.get(session, point.transfer_id)
        runs.claim(session, transfer, execution_id)
        plans.create_execution(
            parts,
            session,
            parts.recipes.points(transfer, [point]),
            id=execution_id,
            kind=ExecutionKind.POINTS_DELETE,
            owner_id=transfer.id,
            project_id=transfer.project_id,
        )

    parts.database.write(write)
    advance(parts, execution_id)
    return executions.shown(parts, execution_id)
