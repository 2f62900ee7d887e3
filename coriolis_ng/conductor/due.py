# SPDX-License-Identifier: Apache-2.0
"""Starts what schedules want started; every conductor may, at any time.

The row of a due time is the claim: it is written in the transaction that
creates the execution, so there is never one without the other.
"""

from __future__ import annotations

import logging

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import executions, pool_claims
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.schedule import RunState, Schedule, ScheduleRun
from coriolis_ng.scheduler.due import Decision, Verdict, decide

LOG = logging.getLogger(__name__)

PAGE = 100


def start_due(parts: Parts) -> None:
    """Looks after every schedule whose time has come; called
    periodically."""
    after: Schedule | None = None
    while True:
        last = after
        several = parts.database.read(
            lambda s, last=last: db.schedules.due(s, PAGE, last)
        )
        for schedule in several:
            _look_after(parts, schedule)
        if len(several) < PAGE:
            return
        after = several[-1]


def _look_after(parts: Parts, schedule: Schedule) -> None:
    try:
        decision = parts.database.read(lambda s: _decide(parts, s, schedule))
        if decision is None or decision.verdict is Verdict.WAIT:
            return
        if decision.verdict is Verdict.SKIP:
            _record(parts, schedule, decision, RunState.SKIPPED)
        else:
            _start(parts, schedule, decision)
    except (errors.Stale, errors.NotFound):
        return  # another conductor was faster, or it is gone
    except errors.CoriolisError as error:
        # The other schedules must go on.
        LOG.warning(
            'schedule=%s cannot be looked after: %s %s',
            schedule.id,
            error.message,
            error.detail,
        )


def _decide(
    parts: Parts, session: Session, schedule: Schedule
) -> Decision | None:
    transfer = db.transfers.get(session, schedule.transfer_id)
    return decide(
        schedule,
        now=parts.database.now(session),
        busy=transfer.busy_with is not None,
        grace_seconds=parts.settings.schedule_grace_seconds,
    )


def _start(parts: Parts, schedule: Schedule, decision: Decision) -> None:
    who = Asker(project_id=schedule.project_id, user_id=schedule.user_id)
    execution_id = new_id()
    spec = ExecutionSpec(
        shutdown_instances=schedule.spec.shutdown_instances,
        auto_deploy=schedule.spec.auto_deploy,
    )
    run = ScheduleRun(
        schedule_id=schedule.id,
        due_at=decision.due_at,
        state=RunState.STARTED,
        execution_id=execution_id,
        message=decision.reason,
    )
    moved = _moved(schedule, decision)
    try:
        executions.create(
            parts,
            who,
            schedule.transfer_id,
            spec,
            id=execution_id,
            also=lambda s: db.schedules.claim(s, moved, run),
        )
    except (errors.Stale, errors.NotFound):
        raise
    except pool_claims.Busy as error:
        # The transfer was taken in this moment, or its pool is full:
        # decided anew soon. Any other conflict needs somebody's help.
        LOG.info('schedule=%s waits: %s', schedule.id, error.message)
    except errors.CoriolisError as error:
        # A full quota of running executions empties by itself.
        if error.retryable or isinstance(error, errors.QuotaExceeded):
            LOG.warning('schedule=%s waits: %s', schedule.id, error.message)
            return
        _record(parts, schedule, decision, RunState.REFUSED, error.message)


def _record(
    parts: Parts,
    schedule: Schedule,
    decision: Decision,
    state: RunState,
    message: str = '',
) -> None:
    run = ScheduleRun(
        schedule_id=schedule.id,
        due_at=decision.due_at,
        state=state,
        message=message or decision.reason,
    )
    LOG.warning(
        'schedule=%s due at %s was %s: %s',
        schedule.id,
        run.due_at,
        state,
        run.message,
    )
    moved = _moved(schedule, decision)
    parts.database.write(lambda s: db.schedules.claim(s, moved, run))


def _moved(schedule: Schedule, decision: Decision) -> Schedule:
    return msgspec.structs.replace(schedule, next_due_at=decision.next_due_at)
