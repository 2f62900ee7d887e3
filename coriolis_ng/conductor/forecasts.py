# SPDX-License-Identifier: Apache-2.0
"""What an execution or a deployment would do; nothing is made, no row is
written, and only the source is asked how its machines are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import follow_up, queries, runs
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.engine.plan import Plan
from coriolis_ng.engine.task import Cleanup
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.deployment import (
    DeployedVm,
    Deployment,
    DeploymentSpec,
)
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.forecast import (
    Forecast,
    PlannedDisk,
    PlannedMode,
    PlannedTask,
)
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.snapshot import Mode
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import Volumes

Released = Mapping[str, Volumes] | None


def of_transfer(
    parts: Parts, who: Asker, transfer_id: str, spec: ExecutionSpec
) -> Forecast:
    """The tasks of an execution, and for each disk full or delta and
    why. A source that cannot be asked is a note."""

    def look(
        session: Session,
    ) -> tuple[Transfer, Endpoint, dict[str, Replica]]:
        transfer = db.transfers.get(session, transfer_id, who.project_id)
        origin = transfer.spec.origin_endpoint_id
        return (
            transfer,
            db.endpoints.get(session, origin),
            runs.replicas(session, transfer),
        )

    transfer, origin, replicas = parts.database.read(look)
    wanted = runs.implied(transfer, spec)
    build = runs.recipe(parts, transfer, wanted)
    notes: list[str] = []
    disks: list[PlannedDisk] = []
    for name in transfer.spec.instances:
        replica = replicas[name]
        vm = _machine(parts, transfer, origin, replica, notes)
        if vm is not None:
            disks.extend(_disk(replica, disk) for disk in vm.disks)
    return Forecast(
        tasks=tuple(_tasks(parts, build(transfer, replicas, wanted))),
        disks=tuple(disks),
        notes=tuple(notes),
    )


def of_deployment(parts: Parts, who: Asker, spec: DeploymentSpec) -> Forecast:
    """The tasks of a deployment and the points that it would start from;
    raises what making it would raise."""

    def look(
        session: Session,
    ) -> tuple[Transfer, Mapping[str, RecoveryPoint], Released]:
        transfer = db.transfers.get(session, spec.transfer_id, who.project_id)
        follow_up.check_said(session, transfer, spec)
        points = follow_up.choose_points(session, transfer, spec)
        released = follow_up.released_volumes(session, transfer, spec, points)
        return transfer, points, released

    transfer, points, released = parts.database.read(look)
    deployment = Deployment(
        id='',
        project_id=transfer.project_id,
        user_id=who.user_id,
        spec=spec,
        instances=tuple(
            DeployedVm(
                deployment_id='', instance=name, recovery_point_id=point.id
            )
            for name, point in points.items()
        ),
    )
    plan = parts.recipes.deployment(deployment, transfer, points, released)
    return Forecast(
        tasks=tuple(_tasks(parts, plan)),
        disks=tuple(
            PlannedDisk(
                instance=name,
                disk_id=disk.disk_id,
                size=disk.size,
                mode=PlannedMode.CLONE,
                reason=f'from the recovery point {point.id}',
                bytes=0,
                basis='A clone is made at the destination.',
            )
            for name, point in points.items()
            for disk in point.disks
        ),
    )


def _machine(
    parts: Parts,
    transfer: Transfer,
    origin: Endpoint,
    replica: Replica,
    notes: list[str],
) -> Vm | None:
    """As the source has it now, else as it was at the last execution."""
    name = replica.instance
    try:
        plain = queries.ask(
            parts,
            origin,
            'instance',
            {'name': name},
            dict(transfer.spec.source_environment),
            transfer_id=transfer.id,
        )
    except errors.CoriolisError as error:
        known = ': the disks are those of the last execution'
        notes.append(
            f'{name!r} could not be looked at, {error.message}'
            + (known if replica.vm else '')
        )
        return replica.vm
    return from_plain(Vm, plain)


def _disk(replica: Replica, disk: Disk) -> PlannedDisk:
    mode, reason = decide(replica, disk)
    estimate, basis = _estimate(replica.points, disk, mode)
    return PlannedDisk(
        instance=replica.instance,
        disk_id=disk.id,
        size=disk.size,
        mode=mode,
        reason=reason,
        bytes=estimate,
        basis=basis,
    )


def decide(replica: Replica, disk: Disk) -> tuple[PlannedMode, str]:
    """Full or delta, as far as it can be known before there is a snapshot:
    a source that has lost track of changes tells so only then."""
    if replica.full_reason:
        return PlannedMode.FULL, replica.full_reason
    kept = next((d for d in replica.disks if d.disk_id == disk.id), None)
    if kept is None or kept.volume is None:
        return PlannedMode.FULL, 'the volume is new'
    if kept.checkpoint is None:
        reason = 'the volume never agreed with the last checkpoint'
        return PlannedMode.FULL, reason
    return PlannedMode.DELTA, f'what changed since {kept.checkpoint}'


def _estimate(
    points: Sequence[RecoveryPoint], disk: Disk, mode: PlannedMode
) -> tuple[int | None, str]:
    wanted = Mode.FULL if mode is PlannedMode.FULL else Mode.DELTA
    for point in points:
        for copied in point.copied:
            if copied.disk_id == disk.id and copied.mode is wanted:
                return copied.changed, f'as at {point.created_at:%F %T}'
    if wanted is Mode.FULL:
        return disk.size, 'The whole disk, at most.'
    return None, 'There was no delta of this disk yet.'


def _tasks(parts: Parts, plan: Plan) -> Iterable[PlannedTask]:
    index = {id: n for n, id in enumerate(plan.steps, start=1)}
    for step in plan.steps.values():
        yield PlannedTask(
            index=index[step.id],
            name=parts.name_of(step.kind),
            instance=step.instance,
            cleanup=issubclass(step.kind, Cleanup),
            needs=tuple(sorted(index[one] for one in step.needs)),
            cleans=tuple(sorted(index[one] for one in step.cleans)),
        )
