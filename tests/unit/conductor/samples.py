# SPDX-License-Identifier: Apache-2.0
"""Small tasks and recipes, so that a conductor has something to conduct."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from coriolis_ng.conductor.parts import Recipes
from coriolis_ng.engine.plan import Plan
from coriolis_ng.engine.task import Cleanup, Side, Task
from coriolis_ng.objects import Value
from coriolis_ng.objects.deployment import DeployedVm, Deployment
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica, ReplicaDisk
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import Volume, Volumes, VolumeSnapshot
from coriolis_ng.recipes.pool import build as pool
from coriolis_ng.tasks.disks import DropPoints
from coriolis_ng.tasks.pools import (
    DropMachine,
    GiveBack,
    KeepMachine,
    StopMachine,
    TakeFromPool,
)


class Look(Task):
    side = Side.SOURCE
    needs = ('inventory',)

    class Input(Value):
        name: str

    class Output(Value):
        vm: Vm


class Copy(Task):
    side = Side.BOTH
    needs = ('exports', 'imports')
    subject = Replica

    @classmethod
    def inherit(cls, checkpoint: dict[str, Any]) -> dict[str, Any] | None:
        """Of two fields only one is good for another execution."""
        return {'likely': checkpoint['durable']}

    class Input(Value):
        vm: Vm

    class Output(Value):
        volume: str

    def apply(self, subject: Replica, made: Output) -> Replica:
        volume = Volume(id=made.volume, disk_id='vda', size=1)
        disk = ReplicaDisk(disk_id='vda', volume=volume, dirty=True)
        return msgspec.structs.replace(subject, disks=(disk,))


class Keep(Task):
    """Not resumable: a lost attempt of it fails."""

    side = Side.TARGET
    needs = ('imports',)
    subject = Replica
    resumable = False

    class Input(Value):
        transfer_id: str
        vm: Vm
        volume: str

    class Output(Value):
        point: RecoveryPoint

    def apply(self, subject: Replica, made: Output) -> Replica:
        return msgspec.structs.replace(
            subject, points=(made.point, *subject.points)
        )


class CleanSource(Cleanup):
    side = Side.SOURCE
    needs = ('exports',)


class CleanTarget(Cleanup):
    side = Side.TARGET
    needs = ('imports',)


class Boot(Task):
    side = Side.TARGET
    needs = ('imports',)
    subject = DeployedVm

    class Input(Value):
        point: RecoveryPoint

    class Output(Value):
        vm: Vm

    def apply(self, subject: DeployedVm, made: Output) -> DeployedVm:
        return msgspec.structs.replace(subject, vm=made.vm)


class Drop(Task):
    side = Side.TARGET
    needs = ('imports',)
    subject = Replica

    def apply(self, subject: Replica, made: Task.Output) -> Replica:
        return msgspec.structs.replace(subject, disks=(), points=())


class DropBooted(Task):
    side = Side.TARGET
    needs = ('imports',)
    subject = DeployedVm

    def apply(self, subject: DeployedVm, made: Task.Output) -> DeployedVm:
        return msgspec.structs.replace(subject, vm=None, volumes=None)


TASKS: dict[str, type[Task]] = {
    kind.__name__: kind
    for kind in (
        Boot,
        CleanSource,
        CleanTarget,
        Copy,
        Drop,
        DropPoints,
        DropBooted,
        DropMachine,
        GiveBack,
        KeepMachine,
        StopMachine,
        TakeFromPool,
        Keep,
        Look,
    )
}


def transfer(
    given: Transfer, replicas: Mapping[str, Replica], spec: ExecutionSpec
) -> Plan:
    plan = Plan()
    for name in given.spec.instances:
        look = plan.add(Look, instance=name, name=name)
        copy = plan.add(Copy, instance=name, vm=look.vm)
        keep = plan.add(
            Keep,
            instance=name,
            transfer_id=given.id,
            vm=look.vm,
            volume=copy.volume,
        )
        plan.clean(CleanSource, copy, after=[keep])
        plan.clean(CleanTarget, copy, keep)
    return plan


def deployment(
    given: Deployment,
    of: Transfer,
    points: Mapping[str, RecoveryPoint],
    released: Mapping[str, Volumes] | None = None,
) -> Plan:
    plan = Plan()
    for name, point in points.items():
        boot = plan.add(Boot, instance=name, point=point)
        plan.clean(CleanTarget, boot)
    return plan


def teardown(given: Deployment) -> Plan:
    plan = Plan()
    for one in given.instances:
        plan.add(DropBooted, instance=one.instance)
    return plan


def disks(given: Transfer, replicas: Mapping[str, Replica]) -> Plan:
    plan = Plan()
    for name in given.spec.instances:
        plan.add(Drop, instance=name)
    return plan


def points(given: Transfer, gone: Sequence[RecoveryPoint]) -> Plan:
    plan = Plan()
    for point in gone:
        plan.add(DropPoints, instance=point.instance, points=(point,))
    return plan


def restart(names: Sequence[str]) -> Plan:
    plan = Plan()
    for name in names:
        plan.add(Look, instance=name, name=name)
    return plan


RECIPES = Recipes(
    transfer=transfer,
    migration=transfer,
    deployment=deployment,
    teardown=teardown,
    disks=disks,
    points=points,
    pool=pool,
    restart=restart,
)


def vm(name: str) -> Vm:
    disk = Disk(id='vda', size=1)
    return Vm(id=name, name=name, cpus=1, memory=1, disks=(disk,))


def point(transfer_id: str, instance: str, id: str) -> RecoveryPoint:
    return RecoveryPoint(
        id=id,
        transfer_id=transfer_id,
        instance=instance,
        execution_id='e',
        created_at=datetime.datetime.now(datetime.UTC),
        vm=vm(instance),
        disks=(
            VolumeSnapshot(
                id=f'snap-{id}', disk_id='vda', volume_id='v', size=1
            ),
        ),
    )
