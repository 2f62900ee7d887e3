# SPDX-License-Identifier: Apache-2.0
"""Move machines: copy while they run, switch off, copy the rest.

The deployment follows as an execution of its own (``auto_deploy``).
"""

from __future__ import annotations

from collections.abc import Mapping

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


def build(
    transfer: Transfer, replicas: Mapping[str, Replica], spec: ExecutionSpec
) -> Plan:
    """Two rounds for each machine: running, then switched off."""
    plan = Plan()
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
        first, live = _live_round(plan, transfer, replica, vm, volumes)
        writer = plan.add(MakeWriter, instance=name, volumes=live.volumes)
        off = plan.add(ShutDownVm, instance=name, vm=vm.vm, after=[writer])
        snapshot = plan.add(
            SnapshotVm, instance=name, vm=off.vm, since=live.checkpoint
        )
        copied = plan.add(
            CopyDisks,
            instance=name,
            vm=off.vm,
            snapshot=snapshot.snapshot,
            writer=writer.minion,
            volumes=live.volumes,
            agreed=live.agreed,
            checksum=spec.checksum,
        )
        gone = plan.clean(CleanTarget, writer, after=[copied])
        point = plan.add(
            MakeRecoveryPoint,
            instance=name,
            transfer_id=transfer.id,
            vm=off.vm,
            volumes=live.volumes,
            snapshot=snapshot.snapshot,
            copied=copied.copied,
            checksum=spec.checksum,
            after=[gone],
        )
        # The mark of the live round goes too: the last one replaced it.
        plan.clean(CleanSource, first, snapshot, after=[copied, point])
        plan.clean(CleanTarget, volumes, point)
        old = sync.expired(transfer, replica, made=2)
        sync.forget(plan, name, old, point)
    return plan


def _live_round(
    plan: Plan,
    transfer: Transfer,
    replica: Replica,
    vm: Step,
    volumes: Step,
) -> tuple[Step, Step]:
    """The snapshot and the recovery point of the running machine."""
    writer = plan.add(
        MakeWriter, instance=replica.instance, volumes=volumes.volumes
    )
    snapshot = plan.add(
        SnapshotVm,
        instance=replica.instance,
        vm=vm.vm,
        since=replica.checkpoint,
        after=[writer],
    )
    point = sync.copy_and_keep(
        plan,
        transfer,
        replica,
        vm,
        volumes,
        writer,
        snapshot,
        ExecutionSpec(),
    )
    return snapshot, point
