# SPDX-License-Identifier: Apache-2.0
"""Runs of a transfer: claimed, planned, and tried again.

A run that failed is tried again by a new one, which inherits what tasks left
to a next attempt (what a copy knows to be durable) and the replica's volumes;
nothing that has a cleanup is used again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import plans, pool_claims
from coriolis_ng.conductor.parts import Parts, Settings
from coriolis_ng.db import api as db
from coriolis_ng.engine.plan import Plan
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
    Rank,
)
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.task import TaskState
from coriolis_ng.objects.transfer import Scenario, Transfer

LOG = logging.getLogger(__name__)

RETRYABLE = (ExecutionState.FAILED, ExecutionState.CANCELED)


def begin(
    parts: Parts,
    session: Session,
    transfer: Transfer,
    spec: ExecutionSpec,
    execution_id: str,
) -> Execution:
    """Claims the transfer and writes the execution; starts nothing.
    ``InvalidInput`` names ``retry_of`` where there is no such copy,
    ``Conflict`` tells why it cannot be tried again."""
    wanted = implied(transfer, spec)
    claim(session, transfer, execution_id)
    inherited: dict[tuple[str, str], Any] = {}
    if wanted.retry_of is not None:
        inherited = _inherited(parts, session, transfer, wanted.retry_of)
    kept = replicas(session, transfer)
    plan = recipe(parts, transfer, wanted)(transfer, kept, wanted)
    pool_id = transfer.spec.destination_minion_pool_id
    if pool_id is not None:
        names = transfer.spec.instances
        pool_claims.claim(session, pool_id, execution_id, names, transfer.id)
    return plans.create_execution(
        parts,
        session,
        plan,
        id=execution_id,
        kind=ExecutionKind.TRANSFER,
        owner_id=transfer.id,
        project_id=transfer.project_id,
        spec=wanted,
        inherited=inherited,
        rank=_rank(wanted, kept.values()),
    )


def _rank(spec: ExecutionSpec, kept: Iterable[Replica]) -> Rank:
    if spec.shutdown_instances and spec.auto_deploy:
        return Rank.FINAL  # the machines stay off until it is over
    first = any(not replica.points for replica in kept)
    return Rank.FIRST if first else Rank.DELTA


def retry_if_asked(
    parts: Parts, session: Session, execution: Execution
) -> str | None:
    """The execution that tries a failed one again, as often as the transfer
    says; runs in the transaction that ends it. What made it fail may take
    its time to pass: each try waits longer than the one before."""
    transfer = db.transfers.get(session, execution.owner_id)
    spec = execution.spec
    if spec.retries >= transfer.spec.execution_retries:
        return None
    again = msgspec.structs.replace(
        spec, retry_of=execution.id, retries=spec.retries + 1
    )
    try:
        # What it has claimed before it is refused must not stay claimed.
        with session.begin_nested():
            made = begin(parts, session, transfer, again, new_id())
            pause = _pause(parts.settings, spec.retries)
            reason = f'Tried again {pause:.0f} s after the last try failed.'
            db.tasks.hold(session, made.id, pause, reason)
    except errors.Stale:
        raise  # a race was lost: all of the transaction runs again
    except errors.CoriolisError as error:
        # A plan that cannot be made any more fails no end of an execution.
        LOG.error(
            'execution=%s is not tried again: %s', execution.id, error.message
        )
        return None
    LOG.info('execution=%s is tried again as %s', execution.id, made.id)
    return made.id


def _pause(settings: Settings, tries: int) -> float:
    """Seconds; at most what tasks wait at most."""
    wanted = settings.retry_seconds * 2.0 ** min(tries, 30)
    return min(wanted, settings.retry_max_seconds)


def _inherited(
    parts: Parts, session: Session, transfer: Transfer, id: str
) -> dict[tuple[str, str], Any]:
    """What tasks of a failed execution leave, by task name and instance."""
    _check_retryable(session, transfer, id)
    kept: dict[tuple[str, str], Any] = {}
    for row in db.tasks.nodes(session, id).values():
        kind = parts.tasks.get(row.name)
        if kind is None or row.checkpoint is None:
            continue
        if row.state is TaskState.DONE:
            continue  # its result is in the replica
        left = kind.inherit(row.checkpoint)
        if left is not None:
            kept[row.name, row.instance] = left
    return kept


def _check_retryable(session: Session, transfer: Transfer, id: str) -> None:
    field = '$.retry_of'
    try:
        failed = db.executions.get(session, id)
    except errors.NotFound:
        failed = None
    if failed is None or failed.owner_id != transfer.id:
        raise errors.InvalidInput(
            f'The transfer has no execution {id}.', field=field
        )
    if failed.kind is not ExecutionKind.TRANSFER:
        raise errors.InvalidInput(
            f'The execution {id} copied nothing: it cannot be tried again.',
            field=field,
        )
    if failed.state not in RETRYABLE:
        raise errors.Conflict(
            f'The execution {id} did not fail and was not cancelled: there '
            'is nothing to try again.'
        )
    page = db.Page(
        limit=1,
        sort=(('number', 'desc'),),
        filters={'kind': ExecutionKind.TRANSFER},
    )
    for last in db.executions.list(session, transfer.id, page):
        if last.id != id:
            raise errors.Conflict(
                f'The execution {last.id} came after {id} and wrote to the '
                'same volumes: only the last one can be tried again.'
            )


def check_free(transfer: Transfer) -> None:
    """``Conflict`` while an execution holds the transfer."""
    if transfer.busy_with is not None:
        raise pool_claims.Busy(
            f'The transfer is busy with the execution {transfer.busy_with}: '
            'wait for it or cancel it.'
        )


def claim(session: Session, transfer: Transfer, execution_id: str) -> None:
    """Takes the transfer for an execution, or raises ``Conflict``."""
    if not db.transfers.claim(session, transfer.id, execution_id):
        check_free(db.transfers.get(session, transfer.id))
        raise pool_claims.Busy('The transfer is busy: try again.')


def replicas(session: Session, transfer: Transfer) -> dict[str, Replica]:
    """The replica of each machine as a plan sees it: points that deployed
    machines still stand on are kept like pinned ones."""
    return {
        name: as_kept(session, db.replicas.get(session, transfer.id, name))
        for name in transfer.spec.instances
    }


def as_kept(session: Session, replica: Replica) -> Replica:
    """A replica whose points are pinned where machines stand on them."""
    points = tuple(_as_kept(session, p) for p in replica.points)
    return msgspec.structs.replace(replica, points=points)


def _as_kept(session: Session, point: RecoveryPoint) -> RecoveryPoint:
    if point.pinned or not db.recovery_points.held_by(session, point.id):
        return point
    return msgspec.structs.replace(point, pinned=True)


def implied(transfer: Transfer, spec: ExecutionSpec) -> ExecutionSpec:
    """What was said, and where nothing was, what the scenario means: a live
    migration shuts down and deploys. Who says that the machines go on
    running, or that nothing is deployed, wants a copy."""
    off, deploy = spec.shutdown_instances, spec.auto_deploy
    if transfer.spec.scenario is Scenario.LIVE_MIGRATION:
        if off is None:
            off = deploy is not False and transfer.spec.shutdown_instances
        if deploy is None:
            deploy = spec.shutdown_instances is not False
    return msgspec.structs.replace(
        spec, shutdown_instances=bool(off), auto_deploy=bool(deploy)
    )


def recipe(
    parts: Parts, transfer: Transfer, spec: ExecutionSpec
) -> Callable[[Transfer, Mapping[str, Replica], ExecutionSpec], Plan]:
    """What to make the plan with; ``spec`` as :func:`implied` gave it. A
    live migration that shall only copy does so once."""
    moves = spec.shutdown_instances or spec.auto_deploy
    if moves and transfer.spec.scenario is Scenario.LIVE_MIGRATION:
        return parts.recipes.migration
    return parts.recipes.transfer
