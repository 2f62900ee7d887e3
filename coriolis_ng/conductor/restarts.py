# SPDX-License-Identifier: Apache-2.0
"""Machines at the source that were switched off for a deployment which came
to nothing: they are started again."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import plans, runs
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.deployment import Deployment
from coriolis_ng.objects.execution import ExecutionKind, Rank
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.transfer import Transfer

LOG = logging.getLogger(__name__)


def switched_off(
    parts: Parts, session: Session, execution_id: str
) -> frozenset[str]:
    """The machines that ran until tasks of this execution shut them down."""
    return frozenset(
        row.instance
        for row in db.tasks.nodes(session, execution_id).values()
        if row.checkpoint is not None
        and (kind := parts.tasks.get(row.name)) is not None
        and kind.switched_off(row.checkpoint)
    )


def after_deployment(
    parts: Parts, session: Session, deployment: Deployment
) -> str | None:
    """For a deployment that failed or was cancelled: the execution that
    starts what was shut down for it, but for machines that it did make, or
    perhaps left running; runs in the transaction that ends it."""
    made = {one.instance for one in deployment.instances if one.vm}
    left = db.ledger.rows(
        session, deployment_id=deployment.id, kinds=[ResourceKind.VM]
    )
    made |= {entry.instance for entry in left}
    names = set(deployment.spec.switched_off) - made
    if not names:
        return None
    transfer = db.transfers.get(session, deployment.spec.transfer_id)
    return begin(parts, session, transfer, names)


def begin(
    parts: Parts,
    session: Session,
    transfer: Transfer,
    instances: Iterable[str],
) -> str | None:
    """The execution of the transfer that starts these; None where somebody
    else holds the transfer."""
    wanted = frozenset(instances)
    names = [one for one in transfer.spec.instances if one in wanted]
    if not names:
        return None
    execution_id = new_id()
    try:
        runs.claim(session, transfer, execution_id)
    except errors.Conflict as error:
        LOG.error(
            'transfer=%s its machines stay off: %s', transfer.id, error.message
        )
        return None
    plans.create_execution(
        parts,
        session,
        parts.recipes.restart(names),
        id=execution_id,
        kind=ExecutionKind.SOURCES_START,
        owner_id=transfer.id,
        project_id=transfer.project_id,
        rank=Rank.FINAL,
    )
    return execution_id
