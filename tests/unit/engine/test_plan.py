# SPDX-License-Identifier: Apache-2.0
"""A wrong plan is refused when it is built, by name."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.engine import plan as plans
from coriolis_ng.engine.task import Cleanup, Task
from coriolis_ng.objects import Value, to_plain
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Scenario, Transfer, TransferSpec
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import ClonedVolumes, Volume, Volumes
from coriolis_ng.recipes import disks, migration, transfer
from coriolis_ng.tasks.minions import MakeMorpher, MakeWriter


class Look(Task):
    class Input(Value):
        name: str

    class Output(Value):
        vm: Vm


class Fill(Task):
    class Input(Value):
        vm: Vm
        since: str | None = None

    class Output(Value):
        volumes: Volumes


class Wipe(Cleanup):
    pass


def test_edges_come_from_the_data():
    plan = plans.Plan()
    look = plan.add(Look, name='web')
    fill = plan.add(Fill, vm=look.vm)
    wipe = plan.clean(Wipe, fill)
    assert fill.needs == {look.id}
    assert (wipe.cleans, wipe.needs) == ({fill.id}, frozenset())


@pytest.mark.parametrize(
    ('inputs', 'text'),
    [
        ({}, r"Fill lacks \['vm'\]"),
        ({'vm': 3}, 'Fill.vm'),
        ({'vm': Volumes()}, 'Fill.vm'),
        ({'machine': 3, 'vm': None}, "takes no 'machine'"),
    ],
)
def test_wrong_inputs_are_named(inputs, text):
    with pytest.raises(errors.PlanError, match=text):
        plans.Plan().add(Fill, **inputs)


def test_an_output_of_the_wrong_type_is_refused():
    plan = plans.Plan()
    look = plan.add(Look, name='web')
    with pytest.raises(errors.PlanError, match='MakeWriter.volumes'):
        plan.add(MakeWriter, volumes=look.vm)
    with pytest.raises(errors.PlanError, match="gives no 'disks'"):
        _ = look.disks


def test_a_replicas_own_volumes_cannot_be_morphed():
    plan = plans.Plan()
    fill = plan.add(Fill, vm=plan.add(Look, name='web').vm)
    with pytest.raises(errors.PlanError, match='MakeMorpher.volumes'):
        plan.add(MakeMorpher, volumes=fill.volumes)
    with pytest.raises(errors.PlanError, match='MakeMorpher.volumes'):
        plan.add(MakeMorpher, volumes=Volumes())
    assert plan.add(MakeMorpher, volumes=ClonedVolumes()).inputs


def test_inputs_are_resolved_from_outputs():
    vm = Vm(
        id='1', name='web', cpus=1, memory=1, disks=(Disk(id='a', size=3),)
    )
    plan = plans.Plan()
    fill = plan.add(Fill, vm=plan.add(Look, name='web').vm, since='mark')
    given = plans.resolve(
        Fill, fill.plain_inputs(), {'0': {'vm': to_plain(vm)}}
    )
    assert given == Fill.Input(vm=vm, since='mark')


def test_a_value_of_the_wrong_shape_has_its_path():
    bad = {'id': '1', 'name': 'w', 'cpus': 1, 'memory': 1}
    bad['disks'] = [{'id': 'a', 'size': 1}, {'id': 'b', 'size': '10G'}]
    with pytest.raises(errors.InvalidInput) as caught:
        plans.resolve(Fill, {'vm': {'value': bad}}, {})
    assert caught.value.field == '$.vm.disks[1].size'


def a_transfer(*names: str, scenario=Scenario.REPLICA) -> Transfer:
    return Transfer(
        id='t',
        project_id='p',
        user_id='u',
        spec=TransferSpec(
            origin_endpoint_id='a',
            destination_endpoint_id='b',
            instances=names,
            scenario=scenario,
        ),
    )


def test_machines_of_one_transfer_do_not_wait_for_each_other():
    names = ('web', 'db')
    replicas = {n: Replica(transfer_id='t', instance=n) for n in names}
    plan = transfer.build(a_transfer(*names), replicas, ExecutionSpec())
    owner = {s.id: s.instance for s in plan.steps.values()}
    for step in plan.steps.values():
        for other in step.needs | step.cleans:
            assert owner[other] == step.instance


def test_the_volumes_are_frozen_after_the_writer_is_gone():
    replicas = {'web': Replica(transfer_id='t', instance='web')}
    plan = transfer.build(a_transfer('web'), replicas, ExecutionSpec())
    by_name = {s.kind.__name__: s for s in plan.steps.values()}
    writer = by_name['MakeWriter']
    drop = next(s for s in plan.steps.values() if writer.id in s.cleans)
    assert drop.id in by_name['MakeRecoveryPoint'].needs
    assert by_name['CopyDisks'].id in drop.needs


def test_a_migration_copies_twice_and_shuts_down_between():
    replicas = {'web': Replica(transfer_id='t', instance='web')}
    moving = a_transfer('web', scenario=Scenario.LIVE_MIGRATION)
    plan = migration.build(
        moving, replicas, ExecutionSpec(shutdown_instances=True)
    )
    names = [s.kind.__name__ for s in plan.steps.values()]
    first = names.index('CopyDisks')
    off = names.index('ShutDownVm')
    second = names.index('CopyDisks', first + 1)
    assert first < off < second
    assert str(off) in plan.steps[str(second)].needs


@pytest.mark.parametrize('count', [1, 2, 3])
@pytest.mark.parametrize('off', [True, False])
def test_a_migration_copies_as_often_as_asked(count, off):
    replicas = {'web': Replica(transfer_id='t', instance='web')}
    moving = a_transfer('web', scenario=Scenario.LIVE_MIGRATION)
    spec = msgspec.structs.replace(moving.spec, replication_count=count)
    moving = msgspec.structs.replace(moving, spec=spec)
    plan = migration.build(
        moving, replicas, ExecutionSpec(shutdown_instances=off)
    )
    names = [s.kind.__name__ for s in plan.steps.values()]
    assert names.count('CopyDisks') == count
    assert names.count('MakeRecoveryPoint') == count
    assert names.count('ShutDownVm') == off
    assert len(names) - 1 - names[::-1].index('CopyDisks') > (
        names.index('ShutDownVm') if off else 0
    )


def test_what_is_left_to_delete_is_planned():
    volume = Volume(id='v', disk_id='a', size=1)
    replica = Replica(transfer_id='t', instance='web')
    plan = disks.build(a_transfer('web'), {'web': replica})
    names = [s.kind.__name__ for s in plan.steps.values()]
    assert names == [
        'DropVolumes',
        'CleanTarget',
        'DropCheckpoint',
        'CleanSource',
    ]
    assert volume.id not in replica.owned()
