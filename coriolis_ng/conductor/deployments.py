# SPDX-License-Identifier: Apache-2.0
"""Deployments as users ask for them: made, cancelled, torn down."""

from __future__ import annotations

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import (
    executions,
    follow_up,
    plans,
    quotas,
    sources_off,
)
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.deployment import (
    Deployment,
    DeploymentPurpose,
    DeploymentSpec,
)
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.quota import QuotaResource
from coriolis_ng.objects.resource import ResourceKind


def create(parts: Parts, who: Asker, spec: DeploymentSpec) -> Deployment:
    """Starts from recovery points; ``Conflict`` where there is none,
    ``NoWorker`` when nobody could do one of its tasks. For the last one the
    source is asked whether its machines are off."""

    asked = parts.limits.ask(who.project_id)

    def write(session: Session) -> tuple[str, str]:
        transfer = db.transfers.get(session, spec.transfer_id, who.project_id)
        quotas.claim(
            session,
            parts,
            asked,
            who.project_id,
            QuotaResource.EXECUTIONS,
        )
        deployment, execution = follow_up.create(
            parts, session, transfer, spec, who.user_id
        )
        executions.check_workers(
            parts, session, db.executions.get(session, execution.id), transfer
        )
        return deployment.id, execution.id

    sources_off.check(parts, spec, who.project_id)
    id, execution_id = parts.database.write(write)
    advance(parts, execution_id)
    return parts.database.read(lambda s: db.deployments.get(s, id))


def cancel(parts: Parts, who: Asker, id: str, *, force: bool) -> None:
    """Cancels the execution of the deployment that runs; else
    ``Conflict``."""
    running = parts.database.read(lambda s: _running(s, who, id))
    if running is None:
        raise errors.Conflict('The deployment is not running.')
    executions.cancel(parts, who, running.id, force=force)


def delete(parts: Parts, who: Asker, id: str) -> None:
    """Forgets the deployment; machines stay, but those of a test, which
    are removed first (the row goes when they are gone). Asking for that
    again while they are changes nothing."""
    execution_id = new_id()

    def write(session: Session) -> bool:
        # Of two that delete it at once, one sees the other's teardown.
        deployment = db.deployments.lock(session, id, who.project_id)
        running = _running(session, who, id)
        if running is not None:
            if running.kind is ExecutionKind.TEARDOWN:
                return False
            raise errors.Conflict(
                'The deployment is running: wait for it or cancel it.'
            )
        if not _is_test(deployment):
            _hand_over(session, deployment)
        if not must_be_torn_down(session, deployment):
            db.audits.release(session, id)
            db.deployments.delete(session, id)
            return False
        plans.create_execution(
            parts,
            session,
            parts.recipes.teardown(deployment),
            id=execution_id,
            kind=ExecutionKind.TEARDOWN,
            owner_id=id,
            project_id=deployment.project_id,
        )
        return True

    if parts.database.write(write):
        advance(parts, execution_id)


def must_be_torn_down(session: Session, deployment: Deployment) -> bool:
    """A test leaves nothing behind, and nobody what a failure left over."""
    if _is_test(deployment) and any(
        one.vm or one.volumes for one in deployment.instances
    ):
        return True
    owned = _owned(deployment)
    return any(
        entry.resource.kind is not ResourceKind.SECRET
        and entry.resource.id not in owned
        for entry in db.ledger.rows(session, deployment_id=deployment.id)
    )


def _is_test(deployment: Deployment) -> bool:
    return deployment.spec.purpose is DeploymentPurpose.TEST


def _owned(deployment: Deployment) -> frozenset[str]:
    empty: frozenset[str] = frozenset()
    return empty.union(*(one.owned() for one in deployment.instances))


def _hand_over(session: Session, deployment: Deployment) -> None:
    """From here on the machines are the user's: a ledger that named them
    would call them strays."""
    owned = _owned(deployment)
    if owned:
        # Nor is anybody to look for what else carries its tags.
        db.audits.forget(session, deployment.id)
    for entry in db.ledger.rows(session, deployment_id=deployment.id):
        if entry.resource.id in owned:
            db.ledger.dropped(
                session,
                entry.resource.kind,
                entry.resource.id,
                transfer_id=entry.transfer_id,
                deployment_id=deployment.id,
            )


def _running(session: Session, who: Asker, id: str) -> Execution | None:
    db.deployments.get(session, id, who.project_id)
    page = db.Page(limit=1, filters={'state': ExecutionState.RUNNING})
    for execution in db.executions.list(session, id, page):
        return execution
    return None
