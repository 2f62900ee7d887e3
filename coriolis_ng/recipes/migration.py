# SPDX-License-Identifier: Apache-2.0
"""Move machines: copy while they run, switch off, copy the rest.

The deployment follows as an execution of its own (``auto_deploy``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from coriolis_ng.engine.plan import Plan, Step
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.recipes import transfer as sync
from coriolis_ng.tasks.cleanup import CleanSource, CleanTarget
from coriolis_ng.tasks.copy import CopyDisks
from coriolis_ng.tasks.disks import MakeRecoveryPoint, MakeVolumes
from coriolis_ng.tasks.instance import ShutDownVm, SnapshotVm
from coriolis_ng.tasks.minions import MakeWriter


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Before:
    """What a round goes on from; outputs of the steps of the round before,
    or what the replica holds. ``snapshots`` are steps whose mark at the
    source a later round replaces."""

    volumes: Any
    since: Any
    agreed: Any
    full_reason: str = ''
    snapshots: tuple[Step, ...] = ()


def build(
    transfer: Transfer, replicas: Mapping[str, Replica], spec: ExecutionSpec
) -> Plan:
    """``replication_count`` rounds for each machine, which is switched off
    before the last one if that is asked for."""
    plan = Plan()
    rounds = transfer.spec.replication_count
    live = ExecutionSpec()
    last = msgspec.structs.replace(
        spec,
        shutdown_instances=(
            spec.shutdown_instances or transfer.spec.shutdown_instances
        ),
    )
    for name in transfer.spec.instances:
        replica = replicas[name]
        vm = sync.look(plan, transfer, name)
        volumes = plan.add(
            MakeVolumes,
            instance=name,
            vm=vm.vm,
            existing=replica.volumes,
            storage=transfer.spec.storage_mappings,
        )
        before = _Before(
            volumes=volumes.volumes,
            since=replica.checkpoint,
            agreed=replica.agreed(),
            full_reason=replica.full_reason,
        )
        for left in reversed(range(rounds)):
            asked = live if left else last
            point, snapshot = _round(plan, transfer, name, vm, before, asked)
            plan.clean(CleanTarget, volumes, point)
            before = _Before(
                volumes=point.volumes,
                since=point.checkpoint,
                agreed=point.agreed,
                snapshots=(snapshot,),
            )
        old = sync.expired(transfer, replica, made=rounds)
        sync.forget(plan, name, old, point)
    return plan


def _round(
    plan: Plan,
    transfer: Transfer,
    name: str,
    vm: Step,
    before: _Before,
    spec: ExecutionSpec,
) -> tuple[Step, Step]:
    """One copy: its recovery point, and its snapshot at the source."""
    writer = plan.add(MakeWriter, instance=name, volumes=before.volumes)
    seen, after = vm, [writer]
    if spec.shutdown_instances:
        # As late as possible: the machine is missed while it is off.
        seen = plan.add(ShutDownVm, instance=name, vm=vm.vm, after=[writer])
        after = []
    snapshot = plan.add(
        SnapshotVm,
        instance=name,
        vm=seen.vm,
        since=before.since,
        after=after,
    )
    copied = plan.add(
        CopyDisks,
        instance=name,
        vm=seen.vm,
        snapshot=snapshot.snapshot,
        writer=writer.minion,
        volumes=before.volumes,
        agreed=before.agreed,
        full_reason=before.full_reason,
        checksum=spec.checksum,
    )
    # The volumes are frozen only when nothing can write to them any more.
    gone = plan.clean(CleanTarget, writer, after=[copied])
    point = plan.add(
        MakeRecoveryPoint,
        instance=name,
        transfer_id=transfer.id,
        vm=seen.vm,
        volumes=before.volumes,
        snapshot=snapshot.snapshot,
        copied=copied.copied,
        checksum=spec.checksum,
        after=[gone],
    )
    # The mark of the round before goes too: this one replaced it.
    plan.clean(CleanSource, *before.snapshots, snapshot, after=[copied, point])
    return point, snapshot
