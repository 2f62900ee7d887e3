# SPDX-License-Identifier: Apache-2.0
"""Transfers as clients see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from coriolis_ng.api.schemas import transfers as schema
from coriolis_ng.api.views import bandwidth, endpoints, words
from coriolis_ng.objects.preflight import Finding, Severity
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import (
    MASK,
    StorageMappings,
    Transfer,
    TransferSpec,
    UserScript,
    UserScripts,
)


def transfer(
    value: Transfer, replicas: Iterable[Replica] | None = None
) -> schema.Transfer:
    """``replicas`` add ``info``; None leaves it out."""
    info = UNSET if replicas is None else task_info(value.spec, replicas)
    status: Any = words.last_status(
        value.last_execution_state, value.cancelling
    )
    return schema.Transfer(
        type='transfer',
        id=value.id,
        base_id=value.id,
        user_id=value.user_id,
        project_id=value.project_id,
        last_execution_status=status,
        scenario=value.spec.scenario.value,
        destination_minion_pool_id=value.spec.destination_minion_pool_id,
        instance_osmorphing_minion_pool_mappings=value.spec.morphing_pools,
        keep_points=value.spec.keep_points,
        keep_hourly=value.spec.keep_hourly,
        keep_daily=value.spec.keep_daily,
        keep_weekly=value.spec.keep_weekly,
        execution_retries=value.spec.execution_retries,
        bandwidth_limit=bandwidth.bandwidth(value.spec.bandwidth),
        busy_with=value.busy_with,
        info=info,
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
        **from_spec(value.spec),
    )


def from_spec(spec: TransferSpec) -> dict[str, Any]:
    """The fields that a transfer and its deployments both show. Network map
    and storage mappings stand also inside the destination's environment,
    where clients look for them."""
    mappings = storage_mappings(spec.storage_mappings)
    return {
        'instances': list(spec.instances),
        'origin_endpoint_id': spec.origin_endpoint_id,
        'destination_endpoint_id': spec.destination_endpoint_id,
        'source_environment': spec.source_environment,
        'destination_environment': {
            **spec.destination_environment,
            'network_map': spec.network_map,
            'storage_mappings': mappings,
        },
        'network_map': spec.network_map,
        'storage_mappings': mappings,
        'notes': spec.notes,
        'user_scripts': user_scripts(spec.user_scripts),
        'clone_disks': spec.clone_disks,
        'skip_os_morphing': spec.skip_os_morphing,
        # Machines of one transfer share no disks here.
        'clustered': False,
    }


def storage_mappings(value: StorageMappings) -> dict[str, Any]:
    """Only what is there; {} for none."""
    plain = msgspec.to_builtins(value)
    return {name: one for name, one in plain.items() if one}


def user_scripts(value: UserScripts) -> dict[str, Any]:
    """A lone script of the usual phase is its text, as it was always;
    others are a list with phases."""
    return {
        'global': {name: _script(s) for name, s in value.by_os.items()},
        'instances': {
            name: _script(s) for name, s in value.by_instance.items()
        },
    }


def _script(scripts: Sequence[UserScript]) -> Any:
    if len(scripts) == 1 and scripts[0].phase == schema.DEFAULT_PHASE:
        return _text(scripts[0])
    return [{'phase': s.phase, 'payload': _text(s)} for s in scripts]


def _text(script: UserScript) -> str:
    return MASK if script.secret else script.payload


def task_info(
    spec: TransferSpec, replicas: Iterable[Replica]
) -> dict[str, Any]:
    """``{instance: {export_info, volumes_info, ...}}``."""
    environments = from_spec(spec)
    return {
        replica.instance: {
            'source_environment': environments['source_environment'],
            'target_environment': environments['destination_environment'],
            'export_info': (
                msgspec.to_builtins(endpoints.instance_detail(replica.vm))
                if replica.vm
                else None
            ),
            'volumes_info': [
                {
                    'disk_id': disk.disk_id,
                    'volume_id': disk.volume.id if disk.volume else None,
                    'size_bytes': disk.volume.size if disk.volume else None,
                    'dirty': disk.dirty,
                }
                for disk in replica.disks
            ],
        }
        for replica in replicas
    }


def preflight(findings: Sequence[Finding]) -> schema.Preflight:
    """All findings, the worst first."""
    order = list(Severity)
    return schema.Preflight(
        passed=all(one.severity is not Severity.ERROR for one in findings),
        findings=[
            schema.Finding(
                code=one.code,
                severity=one.severity.value,
                meaning=one.meaning,
                remedy=one.remedy,
                instance=one.instance,
            )
            for one in sorted(
                findings, key=lambda one: order.index(one.severity)
            )
        ],
    )
