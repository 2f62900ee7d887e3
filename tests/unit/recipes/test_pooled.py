# SPDX-License-Identifier: Apache-2.0
"""Plans with machines of pools: each is taken, and given back as what was
done in it demands."""

from __future__ import annotations

import datetime

from coriolis_ng.engine.plan import Plan, Step
from coriolis_ng.objects.deployment import Deployment, DeploymentSpec
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.objects.vm import Vm
from coriolis_ng.recipes import deployment, transfer

SPEC = TransferSpec(
    origin_endpoint_id='o',
    destination_endpoint_id='d',
    instances=('web',),
    destination_minion_pool_id='pool',
    morphing_pools={'web': 'pool'},
)
GIVEN = Transfer(id='t', project_id='p', user_id='u', spec=SPEC)
POINT = RecoveryPoint(
    id='r',
    transfer_id='t',
    instance='web',
    execution_id='e',
    created_at=datetime.datetime(2026, 3, 4, tzinfo=datetime.UTC),
    vm=Vm(id='web', name='web', cpus=1, memory=1),
    disks=(),
)


def one(plan: Plan, name: str) -> Step:
    [found] = [s for s in plan.steps.values() if s.kind.__name__ == name]
    return found


def names(plan: Plan) -> set[str]:
    return {step.kind.__name__ for step in plan.steps.values()}


def test_a_copy_takes_a_machine_and_gives_it_back() -> None:
    replicas = {'web': Replica(transfer_id='t', instance='web')}
    plan = transfer.build(GIVEN, replicas, ExecutionSpec())
    assert 'MakeWriter' not in names(plan)
    give = one(plan, 'GiveBack')
    assert give.cleans == {one(plan, 'TakeFromPool').id}
    assert one(plan, 'CopyDisks').id in give.after
    # No program of the guest ran in it.
    assert 'guest_ran' not in give.inputs
    # Nothing can write any more when the point is made.
    assert give.id in one(plan, 'MakeRecoveryPoint').after


def test_a_machine_in_which_a_guest_ran_is_told_so() -> None:
    spec = DeploymentSpec(transfer_id='t')
    made = Deployment(id='d', project_id='p', user_id='u', spec=spec)
    plan = deployment.build(made, GIVEN, {'web': POINT})
    assert 'MakeMorpher' not in names(plan)
    give = one(plan, 'GiveBack')
    assert give.cleans == {one(plan, 'TakeToMorph').id}
    assert give.inputs == {'guest_ran': True}
    assert give.id in one(plan, 'MakeVm').after


def test_without_a_pool_it_goes() -> None:
    spec = DeploymentSpec(transfer_id='t')
    made = Deployment(id='d', project_id='p', user_id='u', spec=spec)
    alone = TransferSpec(
        origin_endpoint_id='o', destination_endpoint_id='d', instances=('web',)
    )
    given = Transfer(id='t', project_id='p', user_id='u', spec=alone)
    plan = deployment.build(made, given, {'web': POINT})
    assert not names(plan) & {'GiveBack', 'TakeToMorph'}
    assert 'MakeMorpher' in names(plan)
