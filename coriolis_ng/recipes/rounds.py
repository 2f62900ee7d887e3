# SPDX-License-Identifier: Apache-2.0
"""One copy of one machine: from a writer to a recovery point, with
everything else away again. A transfer has one, a migration several."""

from __future__ import annotations

import dataclasses
from typing import Any

from coriolis_ng.engine.plan import Plan, Step
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.tasks.cleanup import CleanSource, CleanTarget
from coriolis_ng.tasks.copy import CopyDisks
from coriolis_ng.tasks.disks import MakeRecoveryPoint, MakeVolumes
from coriolis_ng.tasks.instance import RestartVm, ShutDownVm, SnapshotVm
from coriolis_ng.tasks.minions import MakeWriter
from coriolis_ng.tasks.pools import GiveBack, TakeFromPool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Before:
    """What a round goes on from: outputs of the round before, or what the
    replica holds. ``snapshots`` are steps whose mark at the source a later
    round replaces; ``rounds`` is how many there were."""

    volumes: Any
    since: Any
    agreed: Any
    full_reason: str = ''
    snapshots: tuple[Step, ...] = ()
    rounds: int = 0


def first(
    plan: Plan, transfer: Transfer, replica: Replica, vm: Step
) -> tuple[Step, Before]:
    """The volumes, and what the first round goes on from."""
    volumes = plan.add(
        MakeVolumes,
        instance=replica.instance,
        vm=vm.vm,
        existing=replica.volumes,
        storage=transfer.spec.storage_mappings,
    )
    return volumes, Before(
        volumes=volumes.volumes,
        since=replica.checkpoint,
        agreed=replica.agreed(),
        full_reason=replica.full_reason,
    )


def add(
    plan: Plan,
    transfer: Transfer,
    vm: Step,
    volumes: Step,
    before: Before,
    spec: ExecutionSpec,
) -> tuple[Step, Before]:
    """One round: its recovery point, and what a next one goes on from."""
    name = vm.instance
    pooled = transfer.spec.destination_minion_pool_id is not None
    writer = plan.add(
        TakeFromPool if pooled else MakeWriter,
        instance=name,
        volumes=before.volumes,
    )
    seen, snapshot = _freeze(plan, vm, writer, before, spec)
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
    gone = plan.clean(
        GiveBack if pooled else CleanTarget, writer, after=[copied]
    )
    point = plan.add(
        MakeRecoveryPoint,
        instance=name,
        transfer_id=transfer.id,
        vm=seen.vm,
        volumes=before.volumes,
        snapshot=snapshot.snapshot,
        copied=copied.copied,
        checksum=spec.checksum,
        source_off=seen is not vm,
        after=[gone],
    )
    # The mark of the round before goes too: this one replaced it.
    clean = plan.clean(
        CleanSource, *before.snapshots, snapshot, after=[copied, point]
    )
    plan.clean(CleanTarget, volumes, point)
    made = before.rounds + 1
    if seen is not vm:
        # What reads the disks of a machine that is off must be gone first.
        plan.clean(RestartVm, seen, after=[clean], vm=vm.vm, rounds=made)
    return point, Before(
        volumes=point.volumes,
        since=point.checkpoint,
        agreed=point.agreed,
        snapshots=(snapshot,),
        rounds=made,
    )


def _freeze(
    plan: Plan, vm: Step, writer: Step, before: Before, spec: ExecutionSpec
) -> tuple[Step, Step]:
    """The machine as the copy sees it, shut down where that is asked, and
    its snapshot."""
    seen = vm
    if spec.shutdown_instances:
        # As late as possible: the machine is missed while it is off.
        seen = plan.add(
            ShutDownVm, instance=vm.instance, vm=vm.vm, after=[writer]
        )
    snapshot = plan.add(
        SnapshotVm,
        instance=vm.instance,
        vm=seen.vm,
        since=before.since,
        after=[writer],
    )
    return seen, snapshot
