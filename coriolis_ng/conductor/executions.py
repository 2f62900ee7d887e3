# SPDX-License-Identifier: Apache-2.0
"""Executions: planned and claimed in one transaction, cancelled, shown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import losses, quotas, runs, scope
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.beats import stop_of
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.workers import workers
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Cancel,
    Execution,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.quota import QuotaResource
from coriolis_ng.objects.task import TaskState
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.scheduler import pick, why_none


def create(
    parts: Parts,
    who: Asker,
    transfer_id: str,
    spec: ExecutionSpec,
    *,
    id: str | None = None,
    also: Callable[[Session], None] | None = None,
) -> Execution:
    """Plans and starts a run; ``Conflict`` while the transfer is busy,
    ``NoWorker`` when nobody could do one of its tasks. ``also`` runs in the
    same transaction: what it raises keeps the run from being made."""
    execution_id = id or new_id()
    asked = parts.limits.ask(who.project_id)

    def write(session: Session) -> None:
        transfer = db.transfers.get(session, transfer_id, who.project_id)
        quotas.claim(
            session,
            parts,
            asked,
            who.project_id,
            QuotaResource.EXECUTIONS,
        )
        execution = runs.begin(parts, session, transfer, spec, execution_id)
        check_workers(parts, session, execution, transfer)
        if also is not None:
            also(session)

    parts.database.write(write)
    advance(parts, execution_id)
    return shown(parts, execution_id)


def cancel(parts: Parts, who: Asker, id: str, *, force: bool) -> None:
    """Asks an execution to stop; ``Conflict`` when it has ended or was
    asked in this way already."""
    how = Cancel.FORCED if force else Cancel.GRACEFUL

    def write(session: Session) -> None:
        execution = db.executions.get(session, id, project_id=who.project_id)
        if db.executions.ask_cancel(session, id, how):
            return
        if execution.state is not ExecutionState.RUNNING:
            raise errors.Conflict('The execution has ended already.')
        raise errors.Conflict(
            'The execution is being cancelled already.'
            + ('' if force else ' It can be forced.')
        )

    parts.database.write(write)
    _hint(parts, id)
    advance(parts, id)


def delete(parts: Parts, who: Asker, id: str) -> None:
    """Forgets an execution that has ended; the ledger stays."""

    def write(session: Session) -> None:
        db.executions.get(session, id, project_id=who.project_id)
        db.executions.delete(session, id)

    parts.database.write(write)


def shown(parts: Parts, id: str) -> Execution:
    """The execution with its tasks."""
    return parts.database.read(
        lambda s: db.executions.get(s, id, with_tasks=True)
    )


def check_workers(
    parts: Parts,
    session: Session,
    execution: Execution,
    transfer: Transfer,
) -> None:
    """Fails now rather than after hours: ``NoWorker``."""
    here = scope.of_transfer(session, execution, transfer)
    found = workers(parts, session).values()
    rows = db.tasks.nodes(session, execution.id).values()
    kinds = {row.name: row.version for row in rows}
    for name, version in sorted(kinds.items()):
        needs = here.needs(
            parts.tasks[name], slot=False, name=name, version=version
        )
        if pick(found, needs) is None:
            raise errors.NoWorker(why_none(found, needs))


def _hint(parts: Parts, id: str) -> None:
    """Tells workers at once what the next beat would tell them."""
    execution, rows = parts.database.read(
        lambda s: (db.executions.get(s, id), db.tasks.nodes(s, id))
    )
    for row in rows.values():
        running = row.state is TaskState.RUNNING and row.host is not None
        if running and losses.is_cancelled(row, execution):
            # If this gets lost, the next beat tells the same.
            with contextlib.suppress(errors.Unreachable):
                parts.workers.stop(row.host or '', stop_of(row, execution))
