# SPDX-License-Identifier: Apache-2.0
"""Make running machines from recovery points; tear test machines down."""

from __future__ import annotations

from collections.abc import Mapping

from coriolis_ng.engine.plan import Plan, Step
from coriolis_ng.objects.deployment import (
    Deployment,
    DeploymentPurpose,
)
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.tasks.cleanup import CleanTarget
from coriolis_ng.tasks.disks import CloneVolumes, ReleaseVolumes
from coriolis_ng.tasks.instance import (
    DropVm,
    FindAddress,
    MakeVm,
    MakeVmOfReplica,
)
from coriolis_ng.tasks.minions import MakeMorpher
from coriolis_ng.tasks.morph import MorphVm
from coriolis_ng.tasks.pools import GiveBack, TakeToMorph


def build(
    deployment: Deployment,
    transfer: Transfer,
    points: Mapping[str, RecoveryPoint],
    released: Mapping[str, Volumes] | None = None,
) -> Plan:
    """One chain for each machine; nothing is asked of the source. With
    ``released`` these volumes of the replicas are used, else clones."""
    plan = Plan()
    spec = deployment.spec
    skip = spec.skip_os_morphing
    if skip is None:
        skip = transfer.spec.skip_os_morphing
    scripts = spec.user_scripts or transfer.spec.user_scripts
    test = spec.purpose is DeploymentPurpose.TEST
    for name, point in points.items():
        if released is None:
            clones = plan.add(CloneVolumes, instance=name, point=point)
        else:
            clones = plan.add(
                ReleaseVolumes,
                instance=name,
                point=point,
                volumes=released[name],
            )
        before = [clones]
        if not skip:
            pooled = name in spec.pools(transfer.spec)
            morpher = plan.add(
                TakeToMorph if pooled else MakeMorpher,
                instance=name,
                volumes=clones.volumes,
            )
            morphed = plan.add(
                MorphVm,
                instance=name,
                vm=point.vm,
                volumes=clones.volumes,
                minion=morpher.minion,
                scripts=scripts.of(name, point.vm.os_type),
                set_dhcp=spec.set_dhcp,
            )
            before = [morphed, _morpher_goes(plan, morpher, morphed)]
        vm = plan.add(
            MakeVm if released is None else MakeVmOfReplica,
            instance=name,
            vm=point.vm,
            volumes=clones.volumes,
            name=point.vm.name,
            network_map=transfer.spec.network_map,
            isolated=test,
            after=before,
        )
        plan.add(FindAddress, instance=name, vm=vm.vm)
        plan.clean(CleanTarget, clones, vm)
    return plan


def _morpher_goes(plan: Plan, morpher: Step, morphed: Step) -> Step:
    """Programs of the guest ran in it, as root."""
    if morpher.kind is TakeToMorph:
        return plan.clean(GiveBack, morpher, after=[morphed], guest_ran=True)
    return plan.clean(CleanTarget, morpher, after=[morphed])


def tear_down(deployment: Deployment) -> Plan:
    """Remove the machines of a test deployment with their volumes; of any
    other only what a failure left over."""
    plan = Plan()
    test = deployment.spec.purpose is DeploymentPurpose.TEST
    for one in deployment.instances:
        gone = plan.add(
            DropVm,
            instance=one.instance,
            vm=one.vm if test else None,
            volumes=one.volumes if test else None,
        )
        plan.clean(CleanTarget, gone)
    return plan
