# SPDX-License-Identifier: Apache-2.0
"""Migrations: a live migration's transfer, run and deployment as one thing,
or a deployment of a replica."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from coriolis_ng.api.schemas import migrations as schema
from coriolis_ng.api.schemas.executions import Task
from coriolis_ng.api.schemas.replicas import fields
from coriolis_ng.api.views import (
    deployments,
    executions,
    replicas,
    transfers,
    words,
)
from coriolis_ng.objects.deployment import Deployment
from coriolis_ng.objects.execution import Execution, ExecutionState
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.task import Level, TaskRecord, TaskState
from coriolis_ng.objects.transfer import Transfer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a migration is made of, in the order in which it comes about.

    A live migration has a transfer and, with time, a run of it and the
    deployment that follows; a migration of a replica has the deployment, and
    its transfer as long as that exists. ``kept`` is what the transfer keeps.
    """

    transfer: Transfer | None = None
    run: Execution | None = None
    deployment: Deployment | None = None
    deploying: Execution | None = None
    kept: Iterable[Replica] | None = None
    live: bool = False

    @property
    def id(self) -> str:
        """The transfer's where it is a live migration, else that of the
        deployment."""
        one = self.transfer if self.live else self.deployment
        assert one is not None
        return one.id


def migration(
    parts: Parts, clouds: replicas.Endpoints, *, with_tasks: bool
) -> schema.Migration:
    """``clouds`` has the endpoints by id; ``with_tasks`` shows the tasks of
    both executions."""
    shown = _live(parts) if parts.live else _of_replica(parts)
    spec = deployments.inherited(parts.transfer)
    return schema.Migration(
        **shown,
        type='migration',
        status=shown['last_execution_status'],
        replica_id=None if parts.live else shown_id(parts),
        replication_count=spec.replication_count if parts.live else None,
        shutdown_instances=spec.shutdown_instances if parts.live else None,
        transfer_id=shown_id(parts),
        deployment_id=parts.deployment.id if parts.deployment else None,
        origin=replicas.origin(spec, clouds),
        destination=replicas.destination(spec, clouds),
        tasks=_tasks(parts) if with_tasks else UNSET,
    )


def shown_id(parts: Parts) -> str:
    """The transfer's id, which a deployment remembers when it is gone."""
    if parts.deployment is not None:
        return parts.deployment.spec.transfer_id
    assert parts.transfer is not None
    return parts.transfer.id


def status(parts: Parts) -> str:
    """RUNNING from the first copy to the last step of the deployment; a
    copy that was to be followed by one, and is not, is an ERROR."""
    if parts.deploying is not None:
        return words.status(parts.deploying)
    if parts.deployment is not None:
        return words.last_status(parts.deployment.last_execution_state)
    if parts.run is None:
        return words.last_status(None)
    deploys = parts.run.spec.auto_deploy is not False
    if parts.run.state is ExecutionState.DONE and deploys:
        return 'ERROR'
    return words.status(parts.run)


def _live(parts: Parts) -> dict[str, Any]:
    assert parts.transfer is not None
    shown = fields(transfers.transfer(parts.transfer, parts.kept))
    shown['last_execution_status'] = status(parts)
    if parts.deployment is not None:
        made = _deployment(parts)
        shown['transfer_result'] = made['transfer_result']
        shown['updated_at'] = made['updated_at'] or shown['updated_at']
        if 'info' in shown:
            shown['info'] = _joined(shown['info'], made.get('info') or {})
    return _without_type(shown)


def _of_replica(parts: Parts) -> dict[str, Any]:
    shown = _deployment(parts)
    shown['last_execution_status'] = status(parts)
    return _without_type(shown)


def _deployment(parts: Parts) -> dict[str, Any]:
    assert parts.deployment is not None
    return fields(
        deployments.deployment(
            parts.deployment,
            parts.transfer,
            parts.deploying,
            with_tasks=False,
            with_info=parts.kept is not None,
        )
    )


def _missing(parts: Parts) -> list[Task]:
    """In the place of a deployment that could not be created: what each
    machine was left at, with the reason that the copy's last task has."""
    run = parts.run
    if parts.deployment is not None or run is None:
        return []
    if run.state is not ExecutionState.DONE:
        return []
    assert parts.transfer is not None
    told = [
        note
        for task in run.tasks
        for note in task.notes
        if note.level is Level.ERROR
    ]
    last = max(told, key=lambda note: note.at, default=None)
    reason = last.text if last else 'There is no deployment of this copy.'
    return [
        executions.task(
            TaskRecord(
                id=str(uuid.uuid5(uuid.UUID(run.id), name)),
                execution_id=run.id,
                instance=name,
                name='Deploy',
                index=0,
                state=TaskState.FAILED,
                reason=reason,
                created_at=run.ended_at,
                started_at=run.ended_at,
                ended_at=run.ended_at,
            ),
            {},
            cancelling=False,
        )
        for name in parts.transfer.spec.instances
    ]


def _without_type(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != 'type'}


def _joined(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {**first.get(name, {}), 'deployment': then.get(name)}
        for name in first
    }


def _tasks(parts: Parts) -> list[Task]:
    """Of the copy, then of the deployment, with one count."""
    found: list[Task] = []
    for one in (parts.run, parts.deploying):
        if one is not None:
            found += replicas.tasks(one)
    found += _missing(parts)
    return [
        msgspec.structs.replace(task, index=place)
        for place, task in enumerate(found, 1)
    ]
