# SPDX-License-Identifier: Apache-2.0
"""Starts what there is room for, in the order of turns, and says of the
rest what it waits for."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from coriolis_ng.conductor import scopes
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.scope import Scope
from coriolis_ng.conductor.workers import workers
from coriolis_ng.db import api as db
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.objects.service import Service
from coriolis_ng.scheduler import Needs, queue
from coriolis_ng.scheduler.queue import Waiting
from coriolis_ng.scheduler.room import Room

# Of those that wait so many are looked at with each start: more slots than
# that are seldom free while anybody waits, and all are looked at now and
# then.
FIRST = 32


@dataclass(kw_only=True)
class Starts:
    """Whom to nudge, and whether another conductor was faster somewhere."""

    nudges: list[tuple[str, str, int]] = field(default_factory=list)
    lost: bool = False


def start(
    parts: Parts,
    session: Session,
    here: Scope,
    due: Sequence[TaskRow],
    services: Mapping[str, Service],
) -> Starts:
    """Starts what can be started of the due tasks of one execution. What
    others wait for is left to those whose turn comes before."""
    now = utcnow()
    rows = {row.id: row for row in due}
    wanted = {id: needs_of(parts, session, here, rows[id]) for id in rows}
    mine = [
        Waiting(
            task_id=id,
            execution_id=row.execution_id,
            turn=row.turn or _turn(parts, here, now, row),
        )
        for id, row in rows.items()
    ]
    # What needs no slot waits for nobody.
    others: list[Waiting] = []
    if any(needs.slot for needs in wanted.values()):
        others = [w for w in _ahead(parts, session, now) if not _in(w, rows)]
    own = [s for needs in wanted.values() for s in needs.scopes]
    keys = {scope.key for scope in own} | _keys(others)
    used = db.slots.used_of(session, keys)
    db.slots.limit_scopes(session, own)
    room = Room(services.values(), used)
    starts = Starts()
    for one in queue.in_turn([*others, *mine]):
        if one.task_id in rows:
            row, needs = rows[one.task_id], wanted[one.task_id]
            _start_or_wait(parts, session, room, row, needs, one, starts)
        else:
            queue.pass_by(room, one, _patience_ends(parts, now))
    return starts


def _in(one: Waiting, rows: Mapping[str, TaskRow]) -> bool:
    return one.task_id in rows


def _start_or_wait(
    parts: Parts,
    session: Session,
    room: Room,
    row: TaskRow,
    needs: Needs,
    place: Waiting,
    starts: Starts,
) -> None:
    service = room.find(needs)
    if service is None:
        why = room.why(needs)
        if why.key is None:
            db.tasks.wait(session, row.id, row.attempt, why.text)
        else:
            db.tasks.wait(
                session,
                row.id,
                row.attempt,
                why.text,
                turn=place.turn,
                wants=queue.packed(needs),
                blocked_by=why.key,
            )
        return
    won = db.tasks.start(
        session,
        row.id,
        row.attempt,
        service.id,
        parts.settings.lease_seconds,
        cleanup=row.cleanup,
        scopes=needs.scopes,
    )
    if not won:
        starts.lost = True
        return
    room.take(service, needs)
    starts.nudges.append((service.host, row.id, row.attempt + 1))


def needs_of(
    parts: Parts, session: Session, here: Scope, row: TaskRow
) -> Needs:
    """What a task needs to be started."""
    kind = parts.tasks[row.name]
    return here.needs(
        kind,
        slot=not row.cleanup,
        name=row.name,
        version=row.version,
        scopes=scopes.of_task(parts, session, here, kind, row),
    )


def next_up(
    parts: Parts,
    session: Session,
    *,
    everybody: bool = False,
) -> list[str]:
    """The executions of which a task that waits could be started now, in
    the order of turns. Of ``everybody``: all that wait are looked at, and
    those are named as well that wait for another thing than they say."""
    now = utcnow()
    if everybody:
        waiting = _known(parts, db.turns.all_of(session))
    else:
        waiting = _ahead(parts, session, now)
    if not waiting:
        return []
    used = db.slots.used_of(session, _keys(waiting))
    room = Room(workers(parts, session).values(), used)
    found = queue.startable(room, waiting, _patience_ends(parts, now))
    if everybody:
        found += queue.mistaken(room, waiting)
    return list(dict.fromkeys(one.execution_id for one in found))


def _ahead(
    parts: Parts, session: Session, now: datetime.datetime
) -> list[Waiting]:
    ends = _patience_ends(parts, now)
    return _known(parts, db.turns.ahead(session, ends, FIRST))


def _known(parts: Parts, several: Sequence[db.turns.Turn]) -> list[Waiting]:
    """A kind that this release does not know is left to a newer one."""
    return [
        Waiting(
            task_id=one.task_id,
            execution_id=one.execution_id,
            turn=one.turn,
            wants=one.wants,
            blocked_by=one.blocked_by,
        )
        for one in several
        if one.name in parts.tasks
    ]


def _keys(waiting: Sequence[Waiting]) -> set[str]:
    """The keys of the scopes that these want."""
    texts = {one.wants for one in waiting}
    return {s.key for text in texts for s in queue.unpacked(text).scopes}


def _turn(
    parts: Parts, here: Scope, now: datetime.datetime, row: TaskRow
) -> datetime.datetime:
    # Those of one execution keep the order of its plan.
    since = now + datetime.timedelta(microseconds=row.index)
    rank = here.execution.spec.rank
    return queue.turn(rank, since, parts.settings.ageing_seconds)


def _patience_ends(parts: Parts, now: datetime.datetime) -> datetime.datetime:
    return now - datetime.timedelta(seconds=parts.settings.ageing_seconds)
