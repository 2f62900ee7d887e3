# SPDX-License-Identifier: Apache-2.0
"""Transfers, and executions of anything, in the words of up to 2024."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from coriolis_ng.api.schemas import executions as execution_schema
from coriolis_ng.api.schemas import replicas as schema
from coriolis_ng.api.views import endpoints, executions, transfers, words
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.execution import Execution, ExecutionKind
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer, TransferSpec

_KINDS = {
    ExecutionKind.TRANSFER: 'replica_execution',
    ExecutionKind.DISKS_DELETE: 'replica_disks_delete',
    ExecutionKind.UPDATE: 'replica_update',
    ExecutionKind.SOURCES_START: 'replica_sources_start',
    ExecutionKind.DEPLOYMENT: 'replica_deploy',
}
Endpoints = Mapping[str, Endpoint]


def replica(
    value: Transfer,
    clouds: Endpoints,
    runs: Sequence[Execution] = (),
    kept: Iterable[Replica] | None = None,
) -> schema.Replica:
    """``clouds`` has its endpoints by id, ``runs`` its executions, oldest
    first; ``kept`` adds ``info``."""
    shown = transfers.transfer(value, kept)
    fields = schema.fields(shown)
    fields['type'] = 'replica'
    return schema.Replica(
        **fields,
        keep_points=shown.keep_points,
        busy_with=shown.busy_with,
        executions=[_run(one) for one in runs],
        origin=origin(value.spec, clouds),
        destination=destination(value.spec, clouds),
    )


def origin(spec: TransferSpec, clouds: Endpoints) -> schema.End | None:
    """The source as the first clients saw it, its credentials masked; None
    when the endpoint is gone."""
    cloud = clouds.get(spec.origin_endpoint_id)
    if cloud is None:
        return None
    return schema.End(
        type=cloud.type,
        connection_info=endpoints.endpoint(cloud).connection_info,
        endpoint_id=cloud.id,
    )


def destination(
    spec: TransferSpec, clouds: Endpoints
) -> schema.Destination | None:
    """The same for the destination."""
    cloud = clouds.get(spec.destination_endpoint_id)
    if cloud is None:
        return None
    environment = transfers.from_spec(spec)['destination_environment']
    return schema.Destination(
        type=cloud.type,
        connection_info=endpoints.endpoint(cloud).connection_info,
        endpoint_id=cloud.id,
        target_environment=environment,
    )


def execution(value: Execution) -> execution_schema.Execution:
    """An execution with its tasks."""
    shown = executions.execution(value)
    return msgspec.structs.replace(
        shown, type=_kind(value), tasks=tasks(value)
    )


def tasks(value: Execution) -> list[execution_schema.Task]:
    """The tasks of an execution."""
    return [
        msgspec.structs.replace(one, task_type=_task_type(one.task_type))
        for one in executions.execution(value).tasks
    ]


def _run(value: Execution) -> schema.Run:
    return schema.Run(
        id=value.id,
        action_id=value.owner_id,
        number=value.number,
        type=_kind(value),
        status=words.status(value),  # type: ignore[arg-type]
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )


def _kind(value: Execution) -> str:
    return _KINDS.get(value.kind, value.kind.value)


def _task_type(word: str) -> str:
    return word.replace('TRANSFER', 'REPLICA')
