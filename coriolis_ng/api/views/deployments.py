# SPDX-License-Identifier: Apache-2.0
"""Deployments as clients see them: a transfer's fields and their own."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from coriolis_ng.api.schemas import deployments as schema
from coriolis_ng.api.schemas.executions import Task
from coriolis_ng.api.views import endpoints, executions, transfers, words
from coriolis_ng.objects.deployment import DeployedVm, Deployment
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.transfer import Transfer, TransferSpec

_GONE = TransferSpec(
    origin_endpoint_id='', destination_endpoint_id='', instances=()
)


def deployment(
    value: Deployment,
    transfer: Transfer | None,
    execution: Execution | None = None,
    *,
    with_tasks: bool,
    with_info: bool = False,
) -> schema.Deployment:
    """``transfer`` is None after it was deleted; ``execution`` is the last
    one, None while there is none."""
    spec = inherited(transfer)
    shown = executions.execution(execution) if execution else None
    tasks: list[Task] | UnsetType = UNSET
    if with_tasks:
        tasks = shown.tasks if shown else []
    status: Any = words.last_status(
        value.last_execution_state, value.cancelling
    )
    if shown:
        status = shown.status
    return schema.Deployment(
        type='deployment',
        id=value.id,
        base_id=value.id,
        user_id=value.user_id,
        project_id=value.project_id,
        last_execution_status=status,
        transfer_id=value.spec.transfer_id,
        transfer_scenario_type=spec.scenario.value,
        transfer_result=_result(value),
        deployer_id=value.spec.follows,
        purpose=value.spec.purpose.value,
        force=value.spec.force,
        set_dhcp=value.spec.set_dhcp,
        recovery_points=value.spec.recovery_points,
        deployed=[_deployed(vm) for vm in value.instances],
        tasks=tasks,
        executions=UNSET if with_tasks else [],
        info=_info(value) if with_info else UNSET,
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
        **_fields(value, spec),
    )


def inherited(transfer: Transfer | None) -> TransferSpec:
    """What the transfer says; an empty spec after it was deleted."""
    return transfer.spec if transfer else _GONE


def _fields(value: Deployment, before: TransferSpec) -> dict[str, Any]:
    """The transfer's, but for what the deployment says itself."""
    fields = transfers.from_spec(before)
    spec = value.spec
    if value.instances:
        fields['instances'] = [vm.instance for vm in value.instances]
    if spec.clone_disks is not None:
        fields['clone_disks'] = spec.clone_disks
    if spec.skip_os_morphing is not None:
        fields['skip_os_morphing'] = spec.skip_os_morphing
    pools = spec.pools(before)
    fields['instance_osmorphing_minion_pool_mappings'] = pools
    if spec.user_scripts is not None:
        fields['user_scripts'] = transfers.user_scripts(spec.user_scripts)
    return fields


def _result(value: Deployment) -> dict[str, Any] | None:
    """The machines that were made, described as at a source."""
    made = {
        vm.instance: msgspec.to_builtins(endpoints.instance_detail(vm.vm))
        for vm in value.instances
        if vm.vm
    }
    return made or None


def _deployed(vm: DeployedVm) -> schema.DeployedInstance:
    return schema.DeployedInstance(
        instance=vm.instance,
        recovery_point_id=vm.recovery_point_id or None,
        vm_id=vm.vm.id if vm.vm else None,
        address=vm.address or None,
        stages=list(vm.morphed),
    )


def _info(value: Deployment) -> dict[str, Any]:
    return {
        vm.instance: {
            'recovery_point_id': vm.recovery_point_id or None,
            'volumes_info': [
                {
                    'disk_id': volume.disk_id,
                    'volume_id': volume.id,
                    'size_bytes': volume.size,
                }
                for volume in (vm.volumes.items if vm.volumes else ())
            ],
        }
        for vm in value.instances
    }
