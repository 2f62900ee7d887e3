# SPDX-License-Identifier: Apache-2.0
"""Bring a transfer's replicas up to date, each machine by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coriolis_ng.engine.plan import Plan, Step
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.recipes import rounds
from coriolis_ng.scheduler.retention import Retention, kept
from coriolis_ng.tasks.disks import DropPoints
from coriolis_ng.tasks.inventory import GetVm, Preflight


def build(
    transfer: Transfer, replicas: Mapping[str, Replica], spec: ExecutionSpec
) -> Plan:
    """One chain for each machine; they do not wait for each other."""
    plan = Plan()
    for name in transfer.spec.instances:
        replica = replicas[name]
        vm = look(plan, transfer, replica)
        volumes, before = rounds.first(plan, transfer, replica, vm)
        point, _ = rounds.add(plan, transfer, vm, volumes, before, spec)
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
