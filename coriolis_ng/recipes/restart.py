# SPDX-License-Identifier: Apache-2.0
"""Switch machines at the source on again."""

from __future__ import annotations

from collections.abc import Sequence

from coriolis_ng.engine.plan import Plan
from coriolis_ng.tasks.instance import StartVm
from coriolis_ng.tasks.inventory import GetVm


def build(instances: Sequence[str]) -> Plan:
    """Each by itself, as it is there now."""
    plan = Plan()
    for name in instances:
        vm = plan.add(GetVm, instance=name, name=name)
        plan.add(StartVm, instance=name, vm=vm.vm)
    return plan
