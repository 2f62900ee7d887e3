# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is where there is not room for all: pure, without a clock.

A turn is the moment since which a task waits, moved back by its rank: so
what is urgent overtakes, and nobody is overtaken for ever. Nothing is kept
between two decisions but this moment.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable

import msgspec

from coriolis_ng.objects.execution import Rank
from coriolis_ng.objects.value import Value
from coriolis_ng.scheduler.filters import Needs
from coriolis_ng.scheduler.room import Room


class Waiting(Value):
    """A task that could start but for the slots; ``wants`` are its
    ``Needs`` as :func:`packed`, ``index`` its place in its plan."""

    task_id: str
    execution_id: str
    turn: datetime.datetime
    attempt: int = 0
    index: int = 0
    wants: str = ''
    blocked_by: str | None = None


def turn(
    rank: Rank, since: datetime.datetime, ageing_seconds: float
) -> datetime.datetime:
    """The earliest turn goes first. With each rank less something has to
    wait ``ageing_seconds`` longer before what comes then goes behind it."""
    return since + datetime.timedelta(seconds=ageing_seconds * rank)


def packed(needs: Needs) -> str:
    """Needs as rows keep them; equal ones are equal text."""
    return msgspec.json.encode(needs, order='deterministic').decode()


@functools.lru_cache(maxsize=1024)
def unpacked(text: str) -> Needs:
    """What :func:`packed` made; many want the same."""
    return msgspec.json.decode(text, type=Needs)


def pass_by(
    room: Room, one: Waiting, patience_ends: datetime.datetime
) -> bool:
    """Books what a task that is ahead will take; false where it cannot
    start. If its turn came before ``patience_ends``, what it needs and is
    free is kept for it meanwhile."""
    needs = unpacked(one.wants)
    service = room.find(needs)
    if service is not None:
        room.take(service, needs)
        return True
    if one.turn <= patience_ends:
        room.reserve(needs)
    return False


def startable(
    room: Room,
    waiting: Iterable[Waiting],
    patience_ends: datetime.datetime,
) -> list[Waiting]:
    """Those that there is room for now, in the order of their turns."""
    found: list[Waiting] = []
    hopeless: set[str] = set()
    for one in in_turn(waiting):
        patient = one.turn <= patience_ends
        # Room only becomes less: who wants the same gets no more of it.
        if one.wants in hopeless and not patient:
            continue
        if pass_by(room, one, patience_ends):
            found.append(one)
        else:
            hopeless.add(one.wants)
    return found


def in_turn(waiting: Iterable[Waiting]) -> list[Waiting]:
    """In the order in which they get what they wait for."""
    return sorted(waiting, key=place)


def place(one: Waiting) -> tuple[datetime.datetime, int, str]:
    """Of those that began to wait at one moment, the first of a plan goes
    first."""
    return one.turn, one.index, one.task_id


def mistaken(room: Room, waiting: Iterable[Waiting]) -> list[Waiting]:
    """Those that wait for something else than they say by now."""
    whys: dict[str, str | None] = {}
    found: list[Waiting] = []
    for one in waiting:
        if one.wants not in whys:
            whys[one.wants] = room.why(unpacked(one.wants)).key
        if whys[one.wants] != one.blocked_by:
            found.append(one)
    return found
