# SPDX-License-Identifier: Apache-2.0
"""Bring a transfer's replicas up to date, each machine by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coriolis_ng.engine.plan import Plan, Step
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.scheduler.retention import Retention, kept
from coriolis_ng.tasks.cleanup import CleanSource, CleanTarget
from coriolis_ng.tasks.copy import CopyDisks
from coriolis_ng.tasks.disks import (
    DropPoints,
    MakeRecoveryPoint,
    MakeVolumes,
)
from coriolis_ng.tasks.instance import ShutDownVm, SnapshotVm
from coriolis_ng.tasks.inventory import GetVm, Preflight
from coriolis_ng.tasks.minions import MakeWriter


def build(
    transfer: Transfer, replicas: Mapping[str, Replica], spec: ExecutionSpec
) -> Plan:
    """One chain for each machine; they do not wait for each other."""
    plan = Plan()
    for name in transfer.spec.instances:
        replica = replicas[name]
        vm = look(plan, transfer, replica)
        volumes = plan.add(
            MakeVolumes,
            instance=name,
            vm=vm.vm,
            existing=replica.volumes,
            storage=transfer.spec.storage_mappings,
        )
        writer = plan.add(MakeWriter, instance=name, volumes=volumes.volumes)
        ready = writer
        if spec.shutdown_instances:
            # As late as possible: the machine is missed while it is off.
            ready = plan.add(
                ShutDownVm, instance=name, vm=vm.vm, after=[writer]
            )
        snapshot = plan.add(
            SnapshotVm,
            instance=name,
            vm=vm.vm,
            since=replica.checkpoint,
            after=[ready],
        )
        point = copy_and_keep(
            plan, transfer, replica, vm, volumes, writer, snapshot, spec
        )
        forget(plan, name, expired(transfer, replica), point)
    return plan


def look(plan: Plan, transfer: Transfer, replica: Replica) -> Step:
    """The machine as it is now, once nothing speaks against it."""
    name = replica.instance
    vm = plan.add(GetVm, instance=name, name=name)
    return plan.add(
        Preflight,
        instance=name,
        vm=vm.vm,
        storage=transfer.spec.storage_mappings,
        existing=replica.volumes,
    )


def copy_and_keep(
    plan: Plan,
    transfer: Transfer,
    replica: Replica,
    vm: Step,
    volumes: Step,
    writer: Step,
    snapshot: Step,
    spec: ExecutionSpec,
) -> Step:
    """From a snapshot to a recovery point, and everything else away."""
    name = replica.instance
    copied = plan.add(
        CopyDisks,
        instance=name,
        vm=vm.vm,
        snapshot=snapshot.snapshot,
        writer=writer.minion,
        volumes=volumes.volumes,
        agreed=replica.agreed(),
        full_reason=replica.full_reason,
        checksum=spec.checksum,
    )
    # The volumes are frozen only when nothing can write to them any more.
    gone = plan.clean(CleanTarget, writer, after=[copied])
    point = plan.add(
        MakeRecoveryPoint,
        instance=name,
        transfer_id=transfer.id,
        vm=vm.vm,
        volumes=volumes.volumes,
        snapshot=snapshot.snapshot,
        copied=copied.copied,
        checksum=spec.checksum,
        after=[gone],
    )
    plan.clean(CleanSource, snapshot, after=[copied, point])
    plan.clean(CleanTarget, volumes, point)
    return point


def expired(
    transfer: Transfer, replica: Replica, made: int = 1
) -> Sequence[RecoveryPoint]:
    """The points that go when ``made`` new ones stand, oldest last."""
    spec = transfer.spec
    free = [p for p in replica.points if not p.pinned]
    stay = kept(
        [p for p in free if not p.going],
        Retention(
            last=spec.keep_points - made,
            hourly=spec.keep_hourly,
            daily=spec.keep_daily,
            weekly=spec.keep_weekly,
        ),
    )
    return tuple(p for p in free if p.id not in stay)


def forget(
    plan: Plan, name: str, points: Sequence[RecoveryPoint], after: Step
) -> None:
    """Old points go only when the new one stands."""
    if points:
        plan.add(
            DropPoints, instance=name, points=tuple(points), after=[after]
        )
