# SPDX-License-Identifier: Apache-2.0
"""What tasks tell while they run, and tasks as users see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.api import events
from coriolis_ng.db.api.tasks import PLAIN
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.row import swap
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects.task import (
    Level,
    Note,
    Progress,
    TaskRecord,
    TaskState,
)

_Task = models.Task


def save(
    session: Session,
    task_id: str,
    attempt: int,
    progress: Sequence[Progress] = (),
    notes: Sequence[Note] = (),
    checkpoint: dict[str, Any] | None = None,
    advanced: bool = False,
) -> bool:
    """What a running attempt told; False, and nothing is written, when it
    is not the current one. Telling again changes nothing."""
    values: dict[str, Any] = {'updated_at': utcnow()}
    if checkpoint is not None:
        values['checkpoint'] = checkpoint
    if advanced:
        values['advanced'] = True
    where = [
        _Task.id == task_id,
        _Task.attempt == attempt,
        _Task.state == TaskState.RUNNING,
    ]
    if not swap(session, _Task, where, **values):
        return False
    _save_progress(session, task_id, progress)
    rows = [
        {
            'task_id': task_id,
            'attempt': attempt,
            'index': note.index,
            'at': note.at,
            'level': note.level,
            'text': note.text,
        }
        for note in notes
    ]
    events.of_notes(session, task_id, attempt, notes)
    keys = ['task_id', 'attempt', 'index']
    upsert(session, models.TaskNote, rows, keys, [])
    return True


def add_note(session: Session, task: TaskRow, text: str, level: Level) -> None:
    """What a conductor says of a task that is over."""
    note = models.TaskNote
    last = session.scalar(
        sa.select(sa.func.max(note.index)).where(
            note.task_id == task.id, note.attempt == task.attempt
        )
    )
    added = Note(
        index=0 if last is None else last + 1,
        at=utcnow(),
        text=text,
        level=level,
    )
    events.of_notes(session, task.id, task.attempt, [added])
    row = {
        'task_id': task.id,
        'attempt': task.attempt,
        'index': added.index,
        'at': added.at,
        'level': level,
        'text': text,
    }
    upsert(session, note, [row], ['task_id', 'attempt', 'index'], [])


def _save_progress(
    session: Session, task_id: str, progress: Sequence[Progress]
) -> None:
    columns = ['done', 'total', 'unit', 'rate', 'eta_seconds', 'limit']
    # The last of an item counts: a statement may not name a row twice.
    latest = {one.item: one for one in progress}
    rows = [
        {
            'task_id': task_id,
            'item': one.item,
            **{name: getattr(one, name) for name in columns},
        }
        for one in latest.values()
    ]
    upsert(session, models.TaskProgress, rows, ['task_id', 'item'], columns)


def records(session: Session, execution_id: str) -> Sequence[TaskRecord]:
    """The tasks of one execution as users see them."""
    return of_several(session, [execution_id])[execution_id]


def of_several(
    session: Session, execution_ids: Sequence[str]
) -> dict[str, list[TaskRecord]]:
    """The tasks of executions as users see them, by execution, in three
    statements. Notes of all attempts are numbered from 1 on."""

    def of_them(model: Any, *order: Any) -> Iterable[Any]:
        return session.scalars(
            sa.select(model)
            .join(_Task, _Task.id == model.task_id)
            .where(_Task.execution_id.in_(execution_ids))
            .order_by(model.task_id, *order)
            .execution_options(populate_existing=True)
        )

    progress: dict[str, list[Progress]] = {}
    item = models.TaskProgress
    for one in of_them(item, item.item):
        progress.setdefault(one.task_id, []).append(_progress(one))
    notes: dict[str, list[Note]] = {}
    note = models.TaskNote
    for one in of_them(note, note.attempt, note.index):
        so_far = notes.setdefault(one.task_id, [])
        so_far.append(_note(one, len(so_far) + 1))
    found: dict[str, list[TaskRecord]] = {id: [] for id in execution_ids}
    for row in session.execute(
        sa.select(
            # Checkpoints hold the journals of copies: megabytes.
            *[getattr(_Task, n) for n in PLAIN if n != 'checkpoint'],
            _Task.state,
            _Task.needs,
            _Task.cleans,
            _Task.created_at,
            _Task.started_at,
            _Task.ended_at,
        )
        .where(_Task.execution_id.in_(execution_ids))
        .order_by(_Task.execution_id, _Task.index)
    ):
        record = _record(row, progress.get(row.id, ()), notes.get(row.id, ()))
        found[row.execution_id].append(record)
    return found


def _record(
    row: Any, progress: Sequence[Progress], notes: Sequence[Note]
) -> TaskRecord:
    return TaskRecord(
        id=row.id,
        execution_id=row.execution_id,
        instance=row.instance,
        name=row.name,
        index=row._mapping['index'],
        state=TaskState(row.state),
        reason=row.reason,
        attempt=row.attempt,
        host=row.host,
        needs=tuple(row.needs),
        cleans=tuple(row.cleans),
        progress=tuple(progress),
        notes=tuple(notes),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _progress(row: models.TaskProgress) -> Progress:
    return Progress(
        item=row.item,
        done=row.done,
        total=row.total,
        unit=row.unit,
        rate=row.rate,
        eta_seconds=row.eta_seconds,
        limit=row.limit,
    )


def _note(row: models.TaskNote, index: int) -> Note:
    return Note(index=index, at=row.at, text=row.text, level=Level(row.level))
