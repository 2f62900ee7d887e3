# SPDX-License-Identifier: Apache-2.0
"""Gives a worker everything that a task needs, once it takes the task."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import bandwidth, runs, scope
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.scope import Scope
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import Entry, TaskRow
from coriolis_ng.engine.plan import resolve
from coriolis_ng.engine.task import Task
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.resource import (
    Resource,
    ResourceKind,
    Side,
    tag_of,
)
from coriolis_ng.objects.task import TaskState
from coriolis_ng.rpc.wire import Assignment


def take(
    parts: Parts, task_id: str, attempt: int, host: str, incarnation: str
) -> Assignment:
    """Confirms a start; ``Stale`` where the task is another's, or over.
    A task that says what changes with its being taken writes this here."""

    def give(session: Session, *, writing: bool) -> Assignment | None:
        row = current(session, task_id, attempt)
        if not writing and parts.known(row).taken is not Task.taken:
            return None
        return _assignment(parts, session, row, host, incarnation)

    given = parts.database.read(lambda s: give(s, writing=False))
    if given is None:
        given = parts.database.write(lambda s: give(s, writing=True))
    assert given is not None
    return given


def current(session: Session, task_id: str, attempt: int) -> TaskRow:
    """The row of a running attempt; ``Stale`` when it is not running."""
    try:
        row = db.tasks.get(session, task_id)
    except errors.NotFound:
        raise errors.Stale('The task is gone.') from None
    if row.state is not TaskState.RUNNING or row.attempt != attempt:
        raise errors.Stale('Another attempt has taken over, or it is over.')
    return row


def _assignment(
    parts: Parts, session: Session, row: TaskRow, host: str, incarnation: str
) -> Assignment:
    if row.host != host or row.incarnation != incarnation:
        raise errors.Stale('The task was given to another worker.')
    execution = db.executions.get(session, row.execution_id)
    here = scope.load(session, execution)
    kind = parts.tasks[row.name]
    inputs, outputs = db.tasks.given(session, row)
    sides = scope.sides(kind)
    owned: frozenset[str] = frozenset()
    if row.cleanup:
        owned = scope.subject(session, here, None, row.instance).owned()
    return Assignment(
        task_id=row.id,
        attempt=row.attempt,
        execution_id=execution.id,
        name=row.name,
        version=row.version,
        instance=row.instance,
        tag=tag_of(execution.id, row.id),
        input=to_plain(
            _renewed(session, here, kind, row, resolve(kind, inputs, outputs))
        ),
        source=here.access(Side.SOURCE) if Side.SOURCE in sides else None,
        target=here.access(Side.TARGET) if Side.TARGET in sides else None,
        leftovers=leftovers(session, here, kind, row) if row.cleanup else (),
        cleaned_tags=tuple(tag_of(execution.id, id) for id in row.cleans),
        cleaned_checkpoints=_checkpoints(session, row),
        owned=tuple(sorted(owned)),
        checkpoint=row.checkpoint,
        silent_seconds=kind.silent_seconds,
        lease_seconds=parts.settings.lease_seconds,
        seal_to=parts.key.public,
        moves=kind.moves,
        limit=_limit(parts, session, kind, row),
        project_id=execution.project_id,
        request_id=execution.spec.request_id,
    )


def _limit(
    parts: Parts, session: Session, kind: type[Task], row: TaskRow
) -> float | None:
    if not kind.moves:
        return None
    return bandwidth.divided(parts, session).get(row.id)


def _checkpoints(session: Session, row: TaskRow) -> tuple[Any, ...]:
    """What the tasks that a cleanup cleans knew when they ended."""
    left = db.tasks.checkpoints(session, row.cleans)
    return tuple(left[id] for id in sorted(left))


def _renewed(
    session: Session, here: Scope, kind: type[Task], row: TaskRow, given: Any
) -> Any:
    """The input by what is true now, not when the plan was made; from here
    on the subject is as the task has it."""
    if kind.subject is None:
        return given
    task = kind()
    before = scope.subject(session, here, kind, row.instance)
    seen = before
    if isinstance(before, Replica):
        seen = runs.as_kept(session, before)
    renewed = task.renew(seen, given)
    scope.save(session, before, task.taken(before, renewed))
    return renewed


def leftovers(
    session: Session, here: Scope, kind: type[Task], row: TaskRow
) -> tuple[Resource, ...]:
    """What a cleanup has to remove: entries of the ledger on its side that
    nobody owns, made by what it cleans or by executions that have ended."""
    entries = db.ledger.rows(
        session,
        transfer_id=here.transfer.id,
        deployment_id=here.deployment_id,
        instance=row.instance,
        sides=scope.sides(kind),
    )
    owner = scope.subject(session, here, None, row.instance)
    owned = owner.owned()
    return tuple(
        entry.resource
        for entry in entries
        if entry.resource.kind is not ResourceKind.SECRET
        and entry.deployment_id == here.deployment_id
        and not _is_owned(entry.resource, owned)
        and _is_done_with(entry, row)
    )


def _is_owned(resource: Resource, owned: frozenset[str]) -> bool:
    """Files hang on their machine."""
    hangs = resource.kind is ResourceKind.FILE and resource.parent in owned
    return resource.id in owned or hangs


def _is_done_with(entry: Entry, row: TaskRow) -> bool:
    return entry.task_id in row.cleans or entry.ended
