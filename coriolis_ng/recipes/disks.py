# SPDX-License-Identifier: Apache-2.0
"""Remove what a transfer keeps, at both ends."""

from __future__ import annotations

from collections.abc import Mapping

from coriolis_ng.engine.plan import Plan
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.tasks.cleanup import CleanSource, CleanTarget
from coriolis_ng.tasks.disks import DropCheckpoint, DropPoints, DropVolumes


def build(transfer: Transfer, replicas: Mapping[str, Replica]) -> Plan:
    """Points, volumes and checkpoints; a source that is gone keeps its
    mark, but does not keep the destination from being emptied. Neither do
    machines that live on them: these keep what they need."""
    plan = Plan()
    for name in transfer.spec.instances:
        replica = replicas[name]
        before = []
        if replica.points:
            points = plan.add(
                DropPoints,
                instance=name,
                points=replica.points,
                kept_too=True,
            )
            # A worker VM that was left over still holds the volumes.
            before = [points, plan.clean(CleanTarget, points)]
        volumes = plan.add(
            DropVolumes,
            instance=name,
            volumes=replica.volumes,
            used_stay=True,
            after=before,
        )
        plan.clean(CleanTarget, volumes)
        # Also without a checkpoint: an execution that failed may have left
        # something at the source that its own cleanup could not remove.
        mark = plan.add(
            DropCheckpoint, instance=name, checkpoint=replica.checkpoint
        )
        plan.clean(CleanSource, mark)
    return plan
