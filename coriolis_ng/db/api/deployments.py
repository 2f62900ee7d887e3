# SPDX-License-Identifier: Apache-2.0
"""Rows of deployments and of their machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.api.owners import being_cancelled
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.errors import Changed
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, remove, swap, update_version
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.deployment import (
    DeployedVm,
    Deployment,
    DeploymentSpec,
)
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import ClonedVolumes

_ALLOWED = {
    'transfer_id': models.Deployment.transfer_id,
    'last_execution_state': models.Deployment.last_execution_state,
    'created_at': models.Deployment.created_at,
}


def create(session: Session, deployment: Deployment) -> Deployment:
    """Stores it with its machines, in their order."""
    row = models.Deployment(
        id=deployment.id,
        project_id=deployment.project_id,
        user_id=deployment.user_id,
        transfer_id=deployment.spec.transfer_id,
        spec=to_plain(deployment.spec),
        created_at=deployment.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    upsert(
        session,
        models.DeployedVm,
        [
            {
                'deployment_id': deployment.id,
                'instance': vm.instance,
                'position': position,
                'version': 0,
                **_columns(vm),
            }
            for position, vm in enumerate(deployment.instances)
        ],
        keys=['deployment_id', 'instance'],
        update=['position'],
    )
    return get(session, deployment.id)


def get(
    session: Session, id: str, project_id: str | None = None
) -> Deployment:
    """``NotFound`` for another project's; None means any project."""
    row = of_id(session, models.Deployment, id, project_id)
    return _values(session, [row])[0]


def lock(
    session: Session, id: str, project_id: str | None = None
) -> Deployment:
    """The same, and nobody else has it locked until the transaction
    ends: what is read after this is what they have left."""
    session.execute(
        sa.select(models.Deployment.id)
        .where(models.Deployment.id == id)
        .with_for_update()
    )
    return get(session, id, project_id)


def list(  # noqa: A001
    session: Session,
    project_id: str | None,
    page: Page | None = None,
    cancelling: bool | None = None,
) -> Sequence[Deployment]:
    """A page of a project's deployments with their machines;
    ``cancelling`` as for transfers."""
    where: Any = []
    if project_id is not None:
        where.append(models.Deployment.project_id == project_id)
    if cancelling is not None:
        asked = being_cancelled(models.Deployment.id)
        where.append(asked if cancelling else sa.not_(asked))
    rows = select_page(
        session, models.Deployment, page or Page(), where, _ALLOWED
    )
    return _values(session, rows)


def several(session: Session, ids: Sequence[str]) -> Sequence[Deployment]:
    """Those of these that exist, whosever they are."""
    rows = session.scalars(
        sa.select(models.Deployment)
        .where(models.Deployment.id.in_(sorted({*ids})))
        .execution_options(populate_existing=True)
    ).all()
    return _values(session, rows)


def of_transfers(
    session: Session, transfer_ids: Sequence[str]
) -> dict[str, Sequence[Deployment]]:
    """The deployments of each transfer, oldest first; transfers without
    any are left out."""
    rows = session.scalars(
        sa.select(models.Deployment)
        .where(models.Deployment.transfer_id.in_(transfer_ids))
        .order_by(models.Deployment.created_at, models.Deployment.id)
    ).all()
    found: dict[str, Any] = {}
    for one in _values(session, rows):
        found.setdefault(one.spec.transfer_id, []).append(one)
    return found


def update(session: Session, deployment: Deployment) -> Deployment:
    """Writes the spec; ``Changed`` when the row's version is another."""
    update_version(
        session,
        models.Deployment,
        deployment.id,
        deployment.version,
        spec=to_plain(deployment.spec),
    )
    return get(session, deployment.id)


def delete(session: Session, id: str) -> None:
    """Removes it with its executions; ``Conflict`` while one runs."""
    of_id(session, models.Deployment, id)
    running = session.scalar(
        sa.select(models.Execution.id).where(
            models.Execution.owner_id == id,
            models.Execution.state == ExecutionState.RUNNING,
        )
    )
    if running:
        raise errors.Conflict('the deployment is running')
    remove(session, models.Execution, models.Execution.owner_id == id)
    remove(session, models.Deployment, models.Deployment.id == id)


def instance(session: Session, deployment_id: str, name: str) -> DeployedVm:
    """One machine; ``NotFound`` when the deployment has none so named."""
    row = session.scalars(
        sa.select(models.DeployedVm)
        .where(
            models.DeployedVm.deployment_id == deployment_id,
            models.DeployedVm.instance == name,
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise errors.NotFound(f'the deployment has no instance {name!r}')
    return _vm(row)


def save(
    session: Session, before: DeployedVm, after: DeployedVm
) -> DeployedVm:
    """Writes one machine; gives it with its new version. ``Changed`` when
    the row's version is not that of ``before``."""
    where = [
        models.DeployedVm.deployment_id == before.deployment_id,
        models.DeployedVm.instance == before.instance,
        models.DeployedVm.version == before.version,
    ]
    version = before.version + 1
    columns = {'version': version, **_columns(after)}
    if not swap(session, models.DeployedVm, where, **columns):
        raise Changed(f'the machine {before.instance!r} was changed')
    return instance(session, before.deployment_id, before.instance)


def _columns(vm: DeployedVm) -> dict[str, Any]:
    return {
        'recovery_point_id': vm.recovery_point_id,
        'volumes': to_plain(vm.volumes),
        'vm': to_plain(vm.vm),
        'address': vm.address,
        'morphed': [*vm.morphed],
    }


def _values(
    session: Session, rows: Sequence[models.Deployment]
) -> Sequence[Deployment]:
    machines: dict[str, Any] = {row.id: [] for row in rows}
    found = session.scalars(
        sa.select(models.DeployedVm)
        .where(models.DeployedVm.deployment_id.in_([*machines]))
        .order_by(models.DeployedVm.deployment_id, models.DeployedVm.position)
        .execution_options(populate_existing=True)
    )
    for machine in found:
        machines[machine.deployment_id].append(_vm(machine))
    return [
        Deployment(
            id=row.id,
            project_id=row.project_id,
            user_id=row.user_id,
            spec=from_plain(DeploymentSpec, row.spec),
            instances=tuple(machines[row.id]),
            last_execution_state=row.last_execution_state,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def _vm(row: models.DeployedVm) -> DeployedVm:
    return DeployedVm(
        deployment_id=row.deployment_id,
        instance=row.instance,
        version=row.version,
        recovery_point_id=row.recovery_point_id,
        volumes=(
            from_plain(ClonedVolumes, row.volumes) if row.volumes else None
        ),
        vm=from_plain(Vm, row.vm) if row.vm else None,
        address=row.address,
        morphed=tuple(row.morphed),
    )
