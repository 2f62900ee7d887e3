# SPDX-License-Identifier: Apache-2.0
"""What happens in the instant an execution ends, in one transaction, and
what is tidied up right after."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Sequence

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import (
    departures,
    follow_up,
    pool_claims,
    restarts,
    runs,
    scope,
    scripts,
)
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import Entry
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.resource import ResourceKind

LOG = logging.getLogger(__name__)

# What makes things in a cloud.
MAKING = (ExecutionKind.TRANSFER, ExecutionKind.DEPLOYMENT)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What is to be done after the commit: the id of an execution that was
    created to follow, and secrets that nothing refers to any more."""

    follow_up: str | None = None
    secrets: tuple[str, ...] = ()


def end(
    parts: Parts,
    session: Session,
    execution: Execution,
    state: ExecutionState,
) -> After:
    """Ends it, frees the transfer, creates what follows.

    Another conductor may have been faster: then nothing happens.
    """
    if not db.executions.end(session, execution.id, state):
        return After()
    LOG.info('execution=%s ended: %s', execution.id, state)
    pool_claims.end(session, execution, state)
    if execution.kind in scope.OF_POOLS:
        return After()
    transfer_id = execution.owner_id
    deployment = None
    if execution.kind is ExecutionKind.DEPLOYMENT:
        deployment = db.deployments.get(session, execution.owner_id)
        transfer_id = deployment.spec.transfer_id
    db.transfers.release(session, transfer_id, execution.id)
    if execution.kind in MAKING:
        _plan_audit(parts, session, execution)
    if state is not ExecutionState.DONE:
        if deployment is not None:
            next_id = restarts.after_deployment(parts, session, deployment)
            return After(follow_up=next_id)
        return After(follow_up=_retry(parts, session, execution, state))
    if execution.kind is ExecutionKind.TEARDOWN:
        unused = scripts.refs(
            db.deployments.get(session, execution.owner_id).spec.user_scripts
        )
        db.audits.release(session, execution.owner_id)
        # With it go its executions, and so this one.
        db.deployments.delete(session, execution.owner_id)
        return After(secrets=tuple(unused))
    if execution.kind is ExecutionKind.TRANSFER:
        made = follow_up.deploy_if_asked(parts, session, execution)
        return After(follow_up=made)
    if execution.kind is ExecutionKind.DISKS_DELETE and execution.spec.forget:
        transfer = db.transfers.get(session, transfer_id)
        return After(secrets=departures.forget(session, transfer))
    return After()


def _retry(
    parts: Parts, session: Session, execution: Execution, state: ExecutionState
) -> str | None:
    """The next try, if there is one; else what is left needs a user."""
    if execution.kind is not ExecutionKind.TRANSFER:
        return None
    again = None
    if state is ExecutionState.FAILED:
        again = runs.retry_if_asked(parts, session, execution)
    if again is None:
        follow_up.tell_left_off(session, execution)
    return again


def _plan_audit(parts: Parts, session: Session, execution: Execution) -> None:
    """Has its clouds looked at once more, later."""
    here = scope.load(session, execution)
    db.audits.create(
        session,
        execution,
        {side: endpoint.id for side, endpoint in here.endpoints.items()},
        parts.settings.audit_delay_seconds,
        transfer_id=here.transfer.id,
        deployment_id=here.deployment_id,
    )


def forget_secrets(parts: Parts, execution_id: str, project_id: str) -> None:
    """Drops what tasks of an ended execution kept in the secret store."""
    entries = parts.database.read(
        lambda s: db.ledger.rows(
            s, execution_id=execution_id, kinds=[ResourceKind.SECRET]
        )
    )
    for entry in _not_of_machines(parts, entries):
        _forget(parts, entry, project_id)


def forget_all_secrets(parts: Parts) -> None:
    """The same for all that have ended, in case a conductor did not come
    to it; called periodically."""
    entries = parts.database.read(
        lambda s: db.ledger.rows(s, kinds=[ResourceKind.SECRET])
    )
    over = [entry for entry in entries if entry.ended]
    for entry in _not_of_machines(parts, over):
        _forget(parts, entry, _project_of(parts, entry))


def _not_of_machines(
    parts: Parts, entries: Sequence[Entry]
) -> Sequence[Entry]:
    """Without the keys of machines that are a pool's now: they go with the
    machine. The rows say which these are, so a key of a machine that died
    or never became the pool's is not among them."""
    owners = {entry.transfer_id for entry in entries if entry.transfer_id}
    if not owners:
        return entries
    keys = parts.database.read(lambda s: db.minion_pools.keys_in(s, owners))
    return [entry for entry in entries if entry.resource.id not in keys]


def _project_of(parts: Parts, entry: Entry) -> str:
    for noun, id in (
        (db.executions, entry.execution_id),
        (db.transfers, entry.transfer_id),
        (db.endpoints, entry.endpoint_id),
    ):
        with contextlib.suppress(errors.NotFound):
            if id is not None:
                found = parts.database.read(lambda s: noun.get(s, id))  # noqa: B023
                return str(found.project_id)
    return ''


def _forget(parts: Parts, entry: Entry, project_id: str) -> None:
    ref = entry.resource.id
    try:
        parts.secrets.drop(ref, project_id=project_id)
    except errors.CoriolisError as error:
        LOG.warning(
            'execution=%s a secret could not be dropped yet: %s',
            entry.execution_id,
            error.message,
        )
        return
    parts.database.write(
        lambda s: db.ledger.dropped(
            s,
            ResourceKind.SECRET,
            ref,
            transfer_id=entry.transfer_id,
            deployment_id=entry.deployment_id,
        )
    )
