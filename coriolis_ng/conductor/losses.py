# SPDX-License-Identifier: Apache-2.0
"""What becomes of a task whose attempt came to nothing.

Its worker was lost, or it failed in a way that may pass: it is tried again
as long as that makes sense, and the fence of the attempt number keeps the
old attempt from changing anything.
"""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from coriolis_ng.conductor.parts import Parts, Settings
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.objects.execution import Cancel, Execution
from coriolis_ng.objects.task import TaskState

LOG = logging.getLogger(__name__)


def give_up(
    parts: Parts,
    session: Session,
    row: TaskRow,
    execution: Execution,
    reason: str,
) -> bool:
    """Ends the current attempt of a running task; false when another
    conductor did it already."""
    args = (session, row.id, row.attempt)
    if is_cancelled(row, execution):
        return db.tasks.close(
            *args,
            TaskState.RUNNING,
            TaskState.CANCELED,
            'The execution was cancelled.',
        )
    if not _worth_another(parts, row):
        return db.tasks.close(
            *args, TaskState.RUNNING, TaskState.FAILED, reason
        )
    LOG.warning(
        'execution=%s task=%s attempt=%s is tried again: %s',
        row.execution_id,
        row.id,
        row.attempt,
        reason,
    )
    delay = pause(parts.settings, row)
    return db.tasks.requeue(*args, delay, reason)


def is_cancelled(row: TaskRow, execution: Execution) -> bool:
    """Cleanups go on when an execution is cancelled, whatever way."""
    return execution.cancel is not Cancel.NO and not row.cleanup


def pause(settings: Settings, row: TaskRow) -> float:
    """Seconds before the next attempt; none after one that advanced."""
    if row.advanced:
        return 0
    return min(
        settings.retry_seconds * 2.0**row.lost, settings.retry_max_seconds
    )


def _worth_another(parts: Parts, row: TaskRow) -> bool:
    kind = parts.tasks.get(row.name)
    if kind is not None and not kind.resumable:
        return False
    if row.attempt >= parts.settings.max_attempts:
        return False
    return row.advanced or row.lost + 1 < parts.settings.max_lost
