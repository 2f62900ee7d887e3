# SPDX-License-Identifier: Apache-2.0
"""Events as clients see them."""

from __future__ import annotations

from coriolis_ng.api.schemas import events as schema
from coriolis_ng.api.views import words
from coriolis_ng.objects.event import Event, EventKind

_EXECUTIONS = {
    'running': 'RUNNING',
    'cancelling': 'CANCELLING',
    'done': 'COMPLETED',
    'failed': 'ERROR',
    'canceled': 'CANCELED',
}
_TASKS = {
    'pending': 'PENDING',
    'running': 'RUNNING',
    'done': 'COMPLETED',
    'failed': 'ERROR',
    'canceled': 'CANCELED',
    'skipped': 'UNSCHEDULED',
}


def event(value: Event) -> schema.Event:
    """With the words of executions and tasks."""
    of_execution = value.kind is EventKind.EXECUTION
    status = (_EXECUTIONS if of_execution else _TASKS)[value.state]
    return schema.Event(
        id=str(value.number),
        type=value.kind.value,
        created_at=words.time(value.at) or '',
        transfer_id=value.transfer_id,
        deployment_id=value.deployment_id,
        execution_id=value.execution_id,
        task_id=value.task_id,
        instance=value.instance,
        name=value.name if of_execution else words.task_type(value.name),
        status=status,  # type: ignore[arg-type]
        attempt=value.attempt,
        level=value.level.upper(),  # type: ignore[arg-type]
        message=value.text,
    )
