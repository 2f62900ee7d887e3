# SPDX-License-Identifier: Apache-2.0
"""The end of a task: its state, its effect and what comes next.

State and effect are one transaction, so that a crash leaves both or none.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import losses, scope
from coriolis_ng.conductor.advance import move
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import Finished, TaskRow
from coriolis_ng.engine.task import Task
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.task import TaskState
from coriolis_ng.rpc.wire import Result

LOG = logging.getLogger(__name__)

# How it is told that the subject of a task is gone.
GONE = (errors.Conflict, errors.NotFound)


def finish(parts: Parts, task_id: str, attempt: int, result: Result) -> None:
    """Closes an attempt and advances its execution; ``Stale`` when it is
    not the current one. May be repeated: the answer is the same."""
    if result.detail:
        LOG.info(
            'task=%s attempt=%s %s: %s',
            task_id,
            attempt,
            result.code,
            result.detail,
        )
    execution_id = parts.database.write(
        lambda s: _finish(parts, s, task_id, attempt, result)
    )
    parts.moves.tell(execution_id, lambda ids: move(parts, ids))


def _finish(
    parts: Parts, session: Session, task_id: str, attempt: int, result: Result
) -> str:
    try:
        row = db.tasks.get(session, task_id)
    except errors.NotFound:
        raise errors.Stale('The task is gone.') from None
    if row.state is not TaskState.RUNNING:
        # Perhaps our answer to the same message was lost.
        state = TaskState(result.state)
        if not db.tasks.finish(session, task_id, attempt, state):
            raise errors.Stale('This attempt is over.')
        return row.execution_id
    if row.attempt != attempt:
        raise errors.Stale('Another attempt has taken over.')
    kind = parts.kind_of(row)
    if result.state == TaskState.DONE and kind and kind.subject is None:
        # It changes nothing, so it does not matter whose it is.
        _close_done(session, row, kind, result)
        return row.execution_id
    execution = db.executions.get(session, row.execution_id)
    if result.state == TaskState.DONE:
        _done(parts, session, row, execution, result)
    elif result.state == TaskState.CANCELED:
        _canceled(parts, session, row, execution, result)
    elif result.retryable and not losses.is_cancelled(row, execution):
        losses.give_up(parts, session, row, execution, result.message)
    else:
        _failed(parts, session, row, execution, result)
    return row.execution_id


def _failed(
    parts: Parts,
    session: Session,
    row: TaskRow,
    execution: Execution,
    result: Result,
) -> None:
    # A cancelled one has to end, even if nobody knows its kind any more.
    cancelled = losses.is_cancelled(row, execution)
    kind = parts.kind_of(row) if cancelled else parts.known(row)
    closed = _close(session, row, TaskState.FAILED, result.message)
    if closed and kind is not None and kind.subject is not None:
        try:
            before = _subject(session, kind, row, execution)
        except GONE:
            return  # nothing is left to be marked
        after = kind().failed(before, result.code)
        if after != before:
            scope.save(session, before, after)


def _canceled(
    parts: Parts,
    session: Session,
    row: TaskRow,
    execution: Execution,
    result: Result,
) -> None:
    """A worker that ends gives its tasks back without having been asked."""
    if losses.is_cancelled(row, execution):
        _close(session, row, TaskState.CANCELED, result.message)
    else:
        reason = result.message or 'Its worker was stopped.'
        losses.give_up(parts, session, row, execution, reason)


def _done(
    parts: Parts,
    session: Session,
    row: TaskRow,
    execution: Execution,
    result: Result,
) -> None:
    kind = parts.known(row)
    try:
        before = _subject(session, kind, row, execution)
    except GONE as error:
        # Its effect has nowhere to go, and the execution must end.
        _close(session, row, TaskState.FAILED, error.message)
        return
    made = _close_done(session, row, kind, result)
    if made is not None:
        scope.save(session, before, kind().apply(before, made))


def _close_done(
    session: Session, row: TaskRow, kind: type[Task], result: Result
) -> Any:
    """What it made, when this call closed it: its effect is to be applied
    then. A result of the wrong shape is a failure."""
    try:
        made = from_plain(kind.Output, result.output)
    except errors.InvalidInput as error:
        _close(
            session,
            row,
            TaskState.FAILED,
            f'It gave a result of the wrong shape at {error.field}: '
            f'{error.message}',
        )
        return None
    closed = _close(session, row, TaskState.DONE, '', result.output)
    return made if closed else None


def _close(
    session: Session,
    row: TaskRow,
    state: TaskState,
    reason: str,
    output: dict[str, Any] | None = None,
) -> bool:
    """True when this call closed it; raises ``Stale`` for another's."""
    answer = db.tasks.finish(
        session,
        row.id,
        row.attempt,
        state,
        reason=reason,
        output=output,
        seen=row,
    )
    if answer is Finished.STALE:
        raise errors.Stale('This attempt is over.')
    return answer is Finished.CLOSED


def _subject(
    session: Session, kind: type[Task], row: TaskRow, execution: Execution
) -> Any:
    """What the task changes (None for one that changes nothing); one of
    ``GONE`` where it is not there any more."""
    if kind.subject is None:
        return None
    here = scope.load(session, execution)
    return scope.subject(session, here, kind, row.instance)
