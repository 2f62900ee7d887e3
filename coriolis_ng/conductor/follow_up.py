# SPDX-License-Identifier: Apache-2.0
"""Deployments: those that users ask for, and those that follow a transfer's
execution (``auto_deploy``, live migration)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import plans, pool_claims, restarts, runs, schemas
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.deployment import (
    DeployedVm,
    Deployment,
    DeploymentPurpose,
    DeploymentSpec,
)
from coriolis_ng.objects.execution import Execution, ExecutionKind, Rank
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.volume import Volumes

LOG = logging.getLogger(__name__)
MAPPINGS = 'instance_osmorphing_minion_pool_mappings'


def deploy_if_asked(
    parts: Parts, session: Session, execution: Execution
) -> str | None:
    """The execution that follows a successful one of a transfer, for it to
    be deployed (or where that is refused, for machines that were shut down
    for it to run again); runs in the transaction that ends it."""
    transfer = db.transfers.get(session, execution.owner_id)
    spec = execution.spec
    if not _deploys(transfer, execution):
        return None
    off = spec.shutdown_instances
    stopped = restarts.switched_off(parts, session, execution.id)
    wanted = DeploymentSpec(
        transfer_id=transfer.id,
        purpose=DeploymentPurpose.FINAL if off else DeploymentPurpose.FAILOVER,
        follows=execution.id,
        switched_off=tuple(sorted(stopped)),
    )
    try:
        # What it has claimed before it is refused must not stay claimed.
        with session.begin_nested():
            made = create(parts, session, transfer, wanted, transfer.user_id)
    except errors.Stale:
        raise  # a race was lost: all of the transaction runs again
    except errors.CoriolisError as error:
        # The execution did what it was asked to; only this did not.
        LOG.error(
            'execution=%s no deployment follows: %s',
            execution.id,
            error.message,
        )
        _tell_refused(session, execution, error.message)
        started = restarts.begin(parts, session, transfer, stopped)
        if started is None:
            tell_left_off(session, execution)
        return started
    return made[1].id


def _tell_refused(session: Session, execution: Execution, why: str) -> None:
    """Users see it as an error of the last task: nothing else is left of
    a deployment that was never created."""
    rows = db.tasks.nodes(session, execution.id).values()
    db.reports.add_note(
        session,
        max(rows, key=lambda row: row.index),
        f'No deployment follows: {why}',
        Level.ERROR,
    )


def tell_left_off(session: Session, execution: Execution) -> None:
    """Says of each machine that an execution of a transfer switched off for
    a deployment, which now does not follow, that it is off."""
    transfer = db.transfers.get(session, execution.owner_id)
    if not _deploys(transfer, execution):
        return
    rows = db.tasks.nodes(session, execution.id).values()
    for replica in db.replicas.list(session, transfer.id):
        if not any(
            point.source_off and point.execution_id == execution.id
            for point in replica.points
        ):
            continue
        mine = [row for row in rows if row.instance == replica.instance]
        db.reports.add_note(
            session,
            max(mine, key=lambda row: row.index),
            f'{replica.instance} is off and was not deployed: execute the '
            'transfer again, deploy all of its machines from their recovery '
            f'points (coriolis deployment create {transfer.id}), or start '
            'it by hand.',
            Level.WARNING,
        )


def _deploys(transfer: Transfer, execution: Execution) -> bool:
    return bool(execution.spec.auto_deploy)


def create(
    parts: Parts,
    session: Session,
    transfer: Transfer,
    spec: DeploymentSpec,
    user_id: str,
) -> tuple[Deployment, Execution]:
    """Writes a deployment and its execution; starts nothing.

    The points are claimed with it: a task that is about to drop one, and
    this, cannot both go on.
    """
    check_said(session, transfer, spec)
    points = choose_points(session, transfer, spec)
    _hold(session, transfer, points)
    # One that follows an execution found its machines shut down by that.
    if spec.purpose is DeploymentPurpose.FINAL and spec.follows is None:
        _check_synced_last(points)
    id, execution_id = new_id(), new_id()
    released = released_volumes(session, transfer, spec, points)
    if released is not None:
        runs.claim(session, transfer, execution_id)
    deployment = Deployment(
        id=id,
        project_id=transfer.project_id,
        user_id=user_id,
        spec=spec,
        instances=tuple(
            DeployedVm(
                deployment_id=id, instance=name, recovery_point_id=point.id
            )
            for name, point in points.items()
        ),
    )
    plan = parts.recipes.deployment(deployment, transfer, points, released)
    deployment = db.deployments.create(session, deployment)
    _claim_pools(session, deployment, transfer, execution_id)
    execution = plans.create_execution(
        parts,
        session,
        plan,
        id=execution_id,
        kind=ExecutionKind.DEPLOYMENT,
        owner_id=id,
        project_id=transfer.project_id,
        rank=_rank(spec),
    )
    return deployment, execution


def check_said(
    session: Session, transfer: Transfer, spec: DeploymentSpec
) -> None:
    """``InvalidInput`` for machines that the transfer has not got, and for
    pools that its destination cannot use."""
    names = transfer.spec.instances
    pools = spec.morphing_pools or {}
    schemas.check_known(pools, names, f'$.{MAPPINGS}')
    if spec.user_scripts is not None:
        schemas.check_scripts(spec.user_scripts, names)
    for name, pool_id in pools.items():
        pool_claims.check(
            session,
            pool_id,
            transfer.project_id,
            transfer.spec.destination_endpoint_id,
            f'$.{MAPPINGS}.{name}',
        )


def _rank(spec: DeploymentSpec) -> Rank:
    test = spec.purpose is DeploymentPurpose.TEST
    return Rank.FIRST if test else Rank.FINAL


def _claim_pools(
    session: Session,
    deployment: Deployment,
    transfer: Transfer,
    execution_id: str,
) -> None:
    """A machine for each one that is adapted by a pool's."""
    skip = deployment.spec.skip_os_morphing
    if transfer.spec.skip_os_morphing if skip is None else skip:
        return
    pools = deployment.spec.pools(transfer.spec)
    wanted: dict[str, list[str]] = {}
    for one in deployment.instances:
        pool_id = pools.get(one.instance)
        if pool_id is not None:
            wanted.setdefault(pool_id, []).append(one.instance)
    for pool_id, names in sorted(wanted.items()):
        pool_claims.claim(session, pool_id, execution_id, names, deployment.id)


def _check_synced_last(points: dict[str, RecoveryPoint]) -> None:
    """``Conflict`` where a machine went on after its point was made: a final
    deployment would lose what it wrote since."""
    for name, point in points.items():
        if not point.source_off:
            raise errors.Conflict(
                f'The recovery point of {name!r} was made while the machine '
                'ran, so it is not the last state: execute the transfer '
                'with shutdown_instances first, or deploy as a failover.'
            )


def clones(transfer: Transfer, spec: DeploymentSpec) -> bool:
    """Whether the machines get volumes of their own, which tests always
    do."""
    if spec.clone_disks is None:
        return transfer.spec.clone_disks or (
            spec.purpose is DeploymentPurpose.TEST
        )
    if not spec.clone_disks and spec.purpose is DeploymentPurpose.TEST:
        raise errors.InvalidInput(
            'A test needs clones: it is removed with its disks, and these '
            'would be those of the replica.',
            field='$.clone_disks',
        )
    return spec.clone_disks


def released_volumes(
    session: Session,
    transfer: Transfer,
    spec: DeploymentSpec,
    points: Mapping[str, RecoveryPoint],
) -> dict[str, Volumes] | None:
    """The replicas' own volumes where no clones are wanted, else None;
    ``Conflict`` where there are none."""
    if clones(transfer, spec):
        return None
    found = {}
    for name, point in points.items():
        volumes = db.replicas.get(session, transfer.id, name).volumes
        have = {volume.disk_id for volume in volumes.items}
        if {disk.disk_id for disk in point.disks} - have:
            raise errors.Conflict(
                f'The replica of {name!r} has no volumes of its own any '
                'more: deploy with clone_disks, or execute the transfer.'
            )
        found[name] = volumes
    return found


def _hold(
    session: Session, transfer: Transfer, points: dict[str, RecoveryPoint]
) -> None:
    """Whoever else read these replicas begins anew; ``Conflict`` while all
    that the transfer keeps is being deleted."""
    held = db.transfers.lock(session, transfer.id)
    if held.busy_with is not None:
        run = db.executions.get(session, held.busy_with)
        if run.kind is ExecutionKind.DISKS_DELETE:
            raise errors.Conflict("The transfer's disks are being deleted.")
    for name in points:
        db.replicas.touch(session, db.replicas.get(session, transfer.id, name))


def choose_points(
    session: Session, transfer: Transfer, spec: DeploymentSpec
) -> dict[str, RecoveryPoint]:
    """The point to start from for each machine.

    ``force`` leaves machines without any point out, as long as one is
    left; a point that is named must exist.
    """
    unknown = set(spec.recovery_points) - set(transfer.spec.instances)
    if unknown:
        raise errors.InvalidInput(
            f'The transfer has no instance {sorted(unknown)[0]!r}.',
            field='$.recovery_points',
        )
    chosen: dict[str, RecoveryPoint] = {}
    for name in transfer.spec.instances:
        replica = db.replicas.get(session, transfer.id, name)
        wanted = spec.recovery_points.get(name)
        found = [p for p in replica.points if wanted in (None, p.id)]
        if wanted is not None and any(p.going for p in found):
            raise errors.Conflict(
                f'The recovery point {wanted} is being removed.'
            )
        found = [p for p in found if not p.going]
        if found:
            chosen[name] = found[0]
        elif wanted is not None:
            raise errors.InvalidInput(
                f'{name!r} has no recovery point {wanted}.',
                field=f'$.recovery_points.{name}',
            )
        elif not spec.force:
            raise errors.Conflict(
                f'{name!r} has no recovery point yet, so there is nothing '
                'to deploy: execute the transfer first (or deploy with '
                'force, which leaves such instances out).'
            )
    if not chosen:
        raise errors.Conflict(
            'The transfer has no recovery point yet, so there is nothing to '
            'deploy: execute it first.'
        )
    return chosen
