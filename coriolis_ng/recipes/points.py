# SPDX-License-Identifier: Apache-2.0
"""Delete recovery points on request."""

from __future__ import annotations

from collections.abc import Sequence

from coriolis_ng.engine.plan import Plan
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.tasks.cleanup import CleanTarget
from coriolis_ng.tasks.disks import CheckGone, DropPoints


def build(transfer: Transfer, points: Sequence[RecoveryPoint]) -> Plan:
    """One task for each machine."""
    plan = Plan()
    for name in transfer.spec.instances:
        mine = tuple(p for p in points if p.instance == name)
        if mine:
            gone = plan.add(DropPoints, instance=name, points=mine)
            plan.add(CheckGone, instance=name, kept=gone.kept, why=gone.why)
            plan.clean(CleanTarget, gone)
    return plan
