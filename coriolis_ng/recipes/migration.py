# SPDX-License-Identifier: Apache-2.0
"""Move machines: copy while they run, switch off, copy the rest.

The deployment follows as an execution of its own (``auto_deploy``).
"""

from __future__ import annotations

from collections.abc import Mapping

from coriolis_ng.engine.plan import Plan
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.recipes import rounds
from coriolis_ng.recipes import transfer as sync


def build(
    transfer: Transfer, replicas: Mapping[str, Replica], spec: ExecutionSpec
) -> Plan:
    """``replication_count`` rounds for each machine, which is switched off
    before the last one if that is asked for."""
    plan = Plan()
    count = transfer.spec.replication_count
    for name in transfer.spec.instances:
        replica = replicas[name]
        vm = sync.look(plan, transfer, replica)
        volumes, before = rounds.first(plan, transfer, replica, vm)
        for left in reversed(range(count)):
            asked = ExecutionSpec() if left else spec
            point, before = rounds.add(
                plan, transfer, vm, volumes, before, asked
            )
        old = sync.expired(transfer, replica, made=count)
        sync.forget(plan, name, old, point)
    return plan
