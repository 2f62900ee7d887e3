# SPDX-License-Identifier: Apache-2.0
"""Whether machines that are about to be deployed for good run at their
source: what they write there would be lost."""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import queries
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.deployment import DeploymentPurpose, DeploymentSpec
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.vm import Power, Vm

LOG = logging.getLogger(__name__)


def check(parts: Parts, spec: DeploymentSpec, project_id: str) -> None:
    """``Conflict`` where one was started again since its recovery point was
    made. A source that does not answer, or has not got the machine any
    more, is no reason against it: then it is a failover."""
    if spec.purpose is not DeploymentPurpose.FINAL:
        return

    def look(session: Session) -> tuple[Transfer, Endpoint, frozenset[str]]:
        transfer = db.transfers.get(session, spec.transfer_id, project_id)
        deployed = frozenset(
            replica.instance
            for replica in db.replicas.list(session, transfer.id)
            if replica.points
        )
        origin = db.endpoints.get(session, transfer.spec.origin_endpoint_id)
        return transfer, origin, deployed

    transfer, origin, deployed = parts.database.read(look)
    for name in transfer.spec.instances:
        if name not in deployed:
            continue
        try:
            plain = queries.ask(
                parts,
                origin,
                'instance',
                {'name': name},
                dict(transfer.spec.source_environment),
                transfer_id=transfer.id,
            )
        except errors.NotFound:
            continue
        except errors.CoriolisError as error:
            LOG.warning(
                'transfer=%s the source cannot be asked whether its machines '
                'are off: %s',
                transfer.id,
                error.message,
            )
            return
        if from_plain(Vm, plain).power is not Power.OFF:
            raise errors.Conflict(
                f'{name!r} runs at the source again, and what it writes '
                'there would be lost: execute the transfer with '
                'shutdown_instances, switch the machine off if nothing of '
                'that is needed, or deploy as a failover.'
            )
