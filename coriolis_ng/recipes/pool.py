# SPDX-License-Identifier: Apache-2.0
"""Look after the machines of a pool, each by itself."""

from __future__ import annotations

from collections.abc import Sequence

from coriolis_ng.engine.plan import Plan
from coriolis_ng.tasks.cleanup import CleanTarget
from coriolis_ng.tasks.pools import DropMachine, KeepMachine, StopMachine


def build(
    keep: Sequence[str], stop: Sequence[str], drop: Sequence[str]
) -> Plan:
    """By the ids of machines: to make or heal, to switch off, to remove."""
    plan = Plan()
    for id in keep:
        made = plan.add(KeepMachine, instance=id)
        plan.clean(CleanTarget, made)
    for id in stop:
        plan.add(StopMachine, instance=id)
    for id in drop:
        gone = plan.add(DropMachine, instance=id)
        plan.clean(CleanTarget, gone)
    return plan
