# SPDX-License-Identifier: Apache-2.0
"""Starts what there is room for, in the order of turns, and says of the
rest what it waits for.

One transaction does it for whatever has become due in several executions and
for the first of those that wait: their rows say what they want, so that
nothing else has to be read of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from coriolis_ng.conductor import scopes
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.scope import Scope
from coriolis_ng.conductor.workers import workers
from coriolis_ng.db import api as db
from coriolis_ng.db.api.starts import Start
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.engine.task import Task
from coriolis_ng.objects.service import Service
from coriolis_ng.scheduler import Needs, queue
from coriolis_ng.scheduler.queue import Waiting
from coriolis_ng.scheduler.room import Room

# Of those that wait so many are looked at with each start: more slots than
# that are seldom free while anybody waits, and all are looked at now and
# then.
FIRST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """A worker to be told of a task that it was given."""

    execution_id: str
    host: str
    task_id: str
    attempt: int


@dataclass(kw_only=True)
class Starts:
    """Whom to nudge, and whether another conductor was faster somewhere."""

    nudges: list[Nudge] = field(default_factory=list)
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Tasks of one execution that could start now."""

    here: Scope
    rows: Sequence[TaskRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    place: Waiting
    needs: Needs
    cleanup: bool = False
    due: bool = False  # it is looked at because it has become due


def start(parts: Parts, session: Session, several: Sequence[Due]) -> Starts:
    """Starts what can be started of the due tasks, and of those that have
    waited before; the rest of the due tasks begins to wait."""
    now = utcnow()
    ends = _patience_ends(parts, now)
    services = workers(parts, session)
    mine = [*_candidates(parts, session, several, now)]
    known = {one.place.task_id for one in mine}
    found = [*mine, *_others(parts, session, now, known)]
    own = {s.key: s for one in mine for s in one.needs.scopes}
    db.slots.limit_scopes(session, own.values())
    keys = {s.key for one in found for s in one.needs.scopes}
    room = Room(services.values(), db.slots.used_of(session, keys))
    picked, left = _pick(room, found, ends)
    won = db.starts.start(
        session, [start for _, start in picked], parts.settings.lease_seconds
    )
    _wait(session, room, [one for one in left if one.due])
    return Starts(
        lost=len(won) < len(picked),
        nudges=[
            _nudge(one.place, services[start.service_id])
            for one, start in picked
            if start.task_id in won
        ],
    )


def _nudge(place: Waiting, service: Service) -> Nudge:
    return Nudge(
        execution_id=place.execution_id,
        host=service.host,
        task_id=place.task_id,
        attempt=place.attempt + 1,
    )


def _pick(
    room: Room, found: Iterable[_Candidate], ends: datetime.datetime
) -> tuple[list[tuple[_Candidate, Start]], list[_Candidate]]:
    """Who starts where, and who does not, in the order of turns. Who has
    lost patience keeps from others what is free of what it needs."""
    picked: list[tuple[_Candidate, Start]] = []
    left: list[_Candidate] = []
    hopeless: set[int] = set()
    for one in sorted(found, key=lambda c: queue.place(c.place)):
        patient = one.place.turn <= ends
        # Room only becomes less: who wants the same gets no more of it.
        service = None
        if patient or id(one.needs) not in hopeless:
            service = room.find(one.needs)
        if service is not None:
            room.take(service, one.needs)
            picked.append((one, _start(one, service)))
            continue
        hopeless.add(id(one.needs))
        left.append(one)
        if patient:
            room.reserve(one.needs)
    return picked, left


def _start(one: _Candidate, service: Service) -> Start:
    return Start(
        task_id=one.place.task_id,
        attempt=one.place.attempt,
        service_id=service.id,
        cleanup=one.cleanup,
        scopes=tuple((s.key, s.limit) for s in one.needs.scopes),
    )


def _wait(session: Session, room: Room, several: Sequence[_Candidate]) -> None:
    """Says what they wait for: to all that want the same in one
    statement."""
    alike: dict[tuple[str, datetime.datetime, int], list[_Candidate]] = {}
    for one in several:
        place = one.place
        key = place.wants, place.turn, place.attempt
        alike.setdefault(key, []).append(one)
    for (wants, turn, attempt), group in alike.items():
        ids = [one.place.task_id for one in group]
        why = room.why(group[0].needs)
        if why.key is None:
            db.tasks.wait(session, ids, attempt, why.text)
        else:
            db.tasks.wait(
                session,
                ids,
                attempt,
                why.text,
                turn=turn,
                wants=wants,
                blocked_by=why.key,
            )


def _candidates(
    parts: Parts,
    session: Session,
    several: Sequence[Due],
    now: datetime.datetime,
) -> Iterable[_Candidate]:
    for due in several:
        known: dict[tuple[str, int, bool], tuple[Needs, str]] = {}
        for row in due.rows:
            alike = row.name, row.version, row.cleanup
            if alike not in known:
                needs = needs_of(parts, session, due.here, row)
                known[alike] = needs, queue.packed(needs)
            needs, wants = known[alike]
            if scopes.own(parts.tasks[row.name]):
                # Two of a kind move bytes of different hosts.
                del known[alike]
            yield _Candidate(
                place=Waiting(
                    task_id=row.id,
                    execution_id=row.execution_id,
                    attempt=row.attempt,
                    turn=row.turn or _turn(parts, due.here, now),
                    index=row.index,
                    wants=wants,
                ),
                needs=needs,
                cleanup=row.cleanup,
                due=True,
            )


def _others(
    parts: Parts,
    session: Session,
    now: datetime.datetime,
    known: set[str],
) -> Iterable[_Candidate]:
    for place in _ahead(parts, session, now):
        # What wants nothing known is looked at with its execution.
        if place.task_id not in known and place.wants:
            needs = queue.unpacked(place.wants)
            yield _Candidate(place=place, needs=needs)


def needs_of(
    parts: Parts, session: Session, here: Scope, row: TaskRow
) -> Needs:
    """What a task needs to be started."""
    kind: type[Task] = parts.tasks[row.name]
    return here.needs(
        kind,
        slot=not row.cleanup,
        name=row.name,
        version=row.version,
        scopes=scopes.of_task(parts, session, here, kind, row),
    )


def next_up(parts: Parts, session: Session) -> list[str]:
    """The executions of which a task that waits could be started now, in
    the order of turns, or waits for another thing than it says: all that
    wait are looked at."""
    waiting = _known(parts, db.turns.all_of(session))
    if not waiting:
        return []
    used = db.slots.used_of(session, _keys(waiting))
    room = Room(workers(parts, session).values(), used)
    sure = [one for one in waiting if one.wants]
    found = queue.startable(room, sure, _patience_ends(parts, utcnow()))
    found += queue.mistaken(room, sure)
    found += [one for one in waiting if not one.wants]
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
            attempt=one.attempt,
            turn=one.turn,
            index=one.index,
            wants=one.wants,
            blocked_by=one.blocked_by,
        )
        for one in several
        if one.name in parts.tasks
    ]


def _keys(waiting: Sequence[Waiting]) -> set[str]:
    """The keys of the scopes that these want."""
    texts = {one.wants for one in waiting if one.wants}
    return {s.key for text in texts for s in queue.unpacked(text).scopes}


def _turn(
    parts: Parts, here: Scope, now: datetime.datetime
) -> datetime.datetime:
    rank = here.execution.spec.rank
    return queue.turn(rank, now, parts.settings.ageing_seconds)


def _patience_ends(parts: Parts, now: datetime.datetime) -> datetime.datetime:
    return now - datetime.timedelta(seconds=parts.settings.ageing_seconds)
