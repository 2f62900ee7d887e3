# SPDX-License-Identifier: Apache-2.0
"""Executions: planned and claimed in one transaction, cancelled, shown."""

from __future__ import annotations

import contextlib

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import follow_up, losses, plans, quotas, scope
from coriolis_ng.conductor.advance import advance, workers
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.beats import stop_of
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Cancel,
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.quota import QuotaResource
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.task import TaskState
from coriolis_ng.objects.transfer import Scenario, Transfer
from coriolis_ng.scheduler import pick, why_none


def create(
    parts: Parts, who: Asker, transfer_id: str, spec: ExecutionSpec
) -> Execution:
    """Plans and starts a run; ``Conflict`` while the transfer is busy,
    ``NoWorker`` when nobody could do one of its tasks."""
    if spec.retry_of is not None:
        # Refused rather than taken and forgotten: nothing is inherited yet.
        raise errors.Unsupported(
            'retry_of is not supported yet: execute the transfer again, '
            'which copies what has changed since its last recovery point.'
        )
    execution_id = new_id()
    asked = parts.limits.ask(who.project_id)

    def write(session: Session) -> None:
        transfer = db.transfers.get(session, transfer_id, who.project_id)
        quotas.claim(
            session,
            parts,
            asked,
            who.project_id,
            QuotaResource.EXECUTIONS,
        )
        wanted = _implied(transfer, spec)
        if wanted.auto_deploy:
            follow_up.check_clones(transfer)
        claim(session, transfer, execution_id)
        build = parts.recipes.transfer
        if transfer.spec.scenario is Scenario.LIVE_MIGRATION:
            build = parts.recipes.migration
        plan = build(transfer, replicas(session, transfer), wanted)
        execution = plans.create_execution(
            parts,
            session,
            plan,
            id=execution_id,
            kind=ExecutionKind.TRANSFER,
            owner_id=transfer_id,
            project_id=transfer.project_id,
            spec=wanted,
        )
        check_workers(parts, session, execution, transfer)

    parts.database.write(write)
    advance(parts, execution_id)
    return shown(parts, execution_id)


def cancel(parts: Parts, who: Asker, id: str, *, force: bool) -> None:
    """Asks an execution to stop; ``Conflict`` when it has ended or was
    asked in this way already."""
    how = Cancel.FORCED if force else Cancel.GRACEFUL

    def write(session: Session) -> None:
        execution = db.executions.get(session, id, project_id=who.project_id)
        if db.executions.ask_cancel(session, id, how):
            return
        if execution.state is not ExecutionState.RUNNING:
            raise errors.Conflict(
                f'The execution has ended already: {execution.state}.'
            )
        raise errors.Conflict(
            'The execution is being cancelled already.'
            + ('' if force else ' It can be forced.')
        )

    parts.database.write(write)
    _hint(parts, id)
    advance(parts, id)


def delete(parts: Parts, who: Asker, id: str) -> None:
    """Forgets an execution that has ended; the ledger stays."""

    def write(session: Session) -> None:
        db.executions.get(session, id, project_id=who.project_id)
        db.executions.delete(session, id)

    parts.database.write(write)


def shown(parts: Parts, id: str) -> Execution:
    """The execution with its tasks."""
    return parts.database.read(
        lambda s: db.executions.get(s, id, with_tasks=True)
    )


def check_free(transfer: Transfer) -> None:
    """``Conflict`` while an execution holds the transfer."""
    if transfer.busy_with is not None:
        raise errors.Conflict(
            f'The transfer is busy with the execution {transfer.busy_with}: '
            'wait for it or cancel it.'
        )


def claim(session: Session, transfer: Transfer, execution_id: str) -> None:
    """Takes the transfer for an execution, or raises ``Conflict``."""
    if not db.transfers.claim(session, transfer.id, execution_id):
        check_free(db.transfers.get(session, transfer.id))
        raise errors.Conflict('The transfer is busy: try again.')


def replicas(session: Session, transfer: Transfer) -> dict[str, Replica]:
    """The replica of each machine as a plan sees it: points that deployed
    machines still stand on are kept like pinned ones."""
    found = {}
    for name in transfer.spec.instances:
        replica = db.replicas.get(session, transfer.id, name)
        points = tuple(_as_kept(session, p) for p in replica.points)
        found[name] = msgspec.structs.replace(replica, points=points)
    return found


def _as_kept(session: Session, point: RecoveryPoint) -> RecoveryPoint:
    if point.pinned or not db.recovery_points.clones_of(session, point.id):
        return point
    return msgspec.structs.replace(point, pinned=True)


def check_workers(
    parts: Parts,
    session: Session,
    execution: Execution,
    transfer: Transfer,
) -> None:
    """Fails now rather than after hours: ``NoWorker``."""
    here = scope.of_transfer(session, execution, transfer)
    found = workers(parts, session).values()
    rows = db.tasks.nodes(session, execution.id).values()
    for name in sorted({row.name for row in rows}):
        needs = here.needs(parts.tasks[name], slot=False)
        if pick(found, needs) is None:
            raise errors.NoWorker(why_none(found, needs))


def _implied(transfer: Transfer, spec: ExecutionSpec) -> ExecutionSpec:
    if transfer.spec.scenario is not Scenario.LIVE_MIGRATION:
        return spec
    return msgspec.structs.replace(
        spec,
        shutdown_instances=(
            spec.shutdown_instances or transfer.spec.shutdown_instances
        ),
        auto_deploy=True,
    )


def _hint(parts: Parts, id: str) -> None:
    """Tells workers at once what the next beat would tell them."""
    execution, rows = parts.database.read(
        lambda s: (db.executions.get(s, id), db.tasks.nodes(s, id))
    )
    for row in rows.values():
        running = row.state is TaskState.RUNNING and row.host is not None
        if running and losses.is_cancelled(row, execution):
            # If this gets lost, the next beat tells the same.
            with contextlib.suppress(errors.Unreachable):
                parts.workers.stop(row.host or '', stop_of(row, execution))
