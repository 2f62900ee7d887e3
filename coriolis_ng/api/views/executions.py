# SPDX-License-Identifier: Apache-2.0
"""Executions and tasks as clients see them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from coriolis_ng.api.schemas import executions as schema
from coriolis_ng.api.views import words
from coriolis_ng.objects.execution import Cancel, Execution, ExecutionState
from coriolis_ng.objects.task import (
    Level,
    Note,
    Progress,
    TaskRecord,
    TaskState,
)

_CLOSED = {
    TaskState.DONE: 'COMPLETED',
    TaskState.FAILED: 'ERROR',
    TaskState.CANCELED: 'CANCELED',
    TaskState.SKIPPED: 'UNSCHEDULED',
}


def execution(value: Execution) -> schema.Execution:
    """With the tasks that the value has, in the order of the plan."""
    cancelling = (
        value.state is ExecutionState.RUNNING and value.cancel is not Cancel.NO
    )
    by_id = {task.id: task for task in value.tasks}
    return schema.Execution(
        id=value.id,
        action_id=value.owner_id,
        number=value.number,
        status=words.status(value),  # type: ignore[arg-type]
        type=value.kind.value,
        shutdown_instances=bool(value.spec.shutdown_instances),
        auto_deploy=bool(value.spec.auto_deploy),
        checksum=value.spec.checksum,
        retry_of=value.spec.retry_of,
        ended_at=words.time(value.ended_at),
        tasks=[
            task(one, by_id, cancelling)
            for one in sorted(value.tasks, key=lambda one: one.index)
        ],
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )


def task(
    value: TaskRecord, all_: Mapping[str, TaskRecord], cancelling: bool
) -> schema.Task:
    """``all_`` are the tasks of its execution by id; ``cancelling`` says
    that the execution was asked to stop."""
    failed = value.state is TaskState.FAILED
    return schema.Task(
        id=value.id,
        execution_id=value.execution_id,
        instance=value.instance,
        host=value.host,
        process_id=None,
        status=_status(value, all_, cancelling),  # type: ignore[arg-type]
        task_type=words.task_type(value.name),
        exception_details=value.reason or 'failed' if failed else None,
        depends_on=[*dict.fromkeys((*value.needs, *value.cleans))] or None,
        index=value.index,
        on_error=bool(value.cleans),
        events=[
            _event(value, note)
            for note in value.notes
            if note.level is not Level.INFO
        ],
        progress_updates=_updates(value),
        progress=[_progress(one) for one in value.progress],
        reason=value.reason,
        attempt=value.attempt,
        started_at=words.time(value.started_at),
        ended_at=words.time(value.ended_at),
        created_at=words.time(value.created_at),
        updated_at=words.time(value.ended_at or value.started_at),
    )


def _status(
    value: TaskRecord, all_: Mapping[str, TaskRecord], cancelling: bool
) -> str:
    if value.state in _CLOSED:
        return _CLOSED[value.state]
    if value.state is TaskState.RUNNING:
        # A cleanup is never asked to stop.
        if cancelling and not value.cleans:
            return 'CANCELLING'
        told = value.progress or value.notes or value.host
        return 'RUNNING' if told else 'STARTING'
    before = [all_.get(id) for id in (*value.needs, *value.cleans)]
    waits = any(one and one.state not in _CLOSED for one in before)
    return 'SCHEDULED' if waits else 'PENDING'


def _updates(value: TaskRecord) -> list[schema.ProgressUpdate]:
    """Notes in their order, then a line for each item being worked on.
    A line keeps its id while its figures grow."""
    last = max((note.index for note in value.notes), default=0)
    notes = [
        schema.ProgressUpdate(
            id=_id(value, f'note:{note.index}'),
            task_id=value.id,
            index=note.index,
            current_step=0,
            total_steps=0,
            message=note.text,
            created_at=words.time(note.at),
            updated_at=None,
        )
        for note in value.notes
    ]
    return notes + [
        schema.ProgressUpdate(
            id=_id(value, f'progress:{one.item}'),
            task_id=value.id,
            index=last + place,
            current_step=one.done,
            total_steps=one.total,
            message=_line(one),
            created_at=words.time(value.started_at),
            updated_at=None,
        )
        for place, one in enumerate(value.progress, 1)
    ]


def _line(one: Progress) -> str:
    """``vda: 1.2 GiB of 4.0 GiB, 310.0 MiB/s, 9 s left``."""
    if one.unit == 'bytes':
        text = f'{words.size(one.done)} of {words.size(one.total)}'
    else:
        text = f'{one.done} of {one.total} {one.unit}'.rstrip()
    if one.item:
        text = f'{one.item}: {text}'
    if one.done < one.total:
        if one.rate and one.unit == 'bytes':
            text += f', {words.size(one.rate)}/s'
            if one.limit:
                text += f' (limit {words.size(one.limit)}/s)'
        if one.eta_seconds is not None:
            text += f', {words.duration(one.eta_seconds)} left'
    return text


def _event(value: TaskRecord, note: Note) -> schema.Event:
    return schema.Event(
        id=_id(value, f'event:{note.index}'),
        task_id=value.id,
        level=note.level.upper(),  # type: ignore[arg-type]
        index=note.index,
        message=note.text,
        created_at=words.time(note.at),
        updated_at=None,
    )


def _progress(one: Progress) -> schema.Progress:
    return schema.Progress(
        item=one.item,
        done=one.done,
        total=one.total,
        unit=one.unit,
        rate=one.rate,
        eta_seconds=one.eta_seconds,
        limit=one.limit,
    )


def _id(value: TaskRecord, part: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f'{value.id}:{part}'))
