# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is, and that everybody's turn comes."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterable
from typing import Any

import pytest

from coriolis_ng.objects.execution import Rank
from coriolis_ng.objects.service import Service
from coriolis_ng.scheduler import Needs, queue
from coriolis_ng.scheduler.queue import Waiting
from coriolis_ng.scheduler.room import Room
from coriolis_ng.scheduler.slots import LONGEST, Scope, key_of

NOW = datetime.datetime(2026, 11, 21, 8, tzinfo=datetime.UTC)
HOUR = 3600.0


def at(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def worker(host: str = 'w', capacity: int = 8, used: int = 0) -> Service:
    return Service(
        id=host,
        host=host,
        binary='coriolis-worker',
        capacity=capacity,
        used=used,
    )


def scope(name: str, limit: int) -> Scope:
    return Scope(key=name, name=f'endpoint "{name}"', limit=limit)


def waiting(
    name: str, *scopes: Scope, since: float = 0, rank: Rank = Rank.DELTA
) -> Waiting:
    return Waiting(
        task_id=name,
        execution_id=f'execution of {name}',
        turn=queue.turn(rank, at(since), HOUR),
        wants=queue.packed(Needs(scopes=scopes)),
    )


def names(several: Iterable[Waiting]) -> list[str]:
    return [one.task_id for one in several]


def next_of(room: Room, several: list[Waiting], now: float = 0) -> list[str]:
    return names(queue.startable(room, several, at(now - HOUR)))


def test_needs_survive_the_rows() -> None:
    needs = Needs(
        providers={'b': frozenset({'exports', 'imports'}), 'a': frozenset()},
        regions=(frozenset({'r2', 'r1'}),),
        kind='Copy',
        version=3,
        scopes=(scope('e', 2),),
    )
    assert queue.unpacked(queue.packed(needs)) == needs
    same = Needs(
        providers={'a': frozenset(), 'b': frozenset({'imports', 'exports'})},
        regions=(frozenset({'r1', 'r2'}),),
        kind='Copy',
        version=3,
        scopes=(scope('e', 2),),
    )
    assert queue.packed(same) == queue.packed(needs)


def test_final_deployments_then_first_copies_then_deltas() -> None:
    several = [
        waiting('delta', since=-60, rank=Rank.DELTA),
        waiting('first', since=-30, rank=Rank.FIRST),
        waiting('later final', since=-1, rank=Rank.FINAL),
        waiting('final', since=-2, rank=Rank.FINAL),
        waiting('older first', since=-40, rank=Rank.FIRST),
    ]
    room = Room([worker(capacity=4)], {})
    assert next_of(room, several) == [
        'final',
        'later final',
        'older first',
        'first',
    ]


def test_who_has_waited_long_is_overtaken_no_more() -> None:
    several = [
        waiting('final', since=2 * HOUR, rank=Rank.FINAL),
        waiting('delta', since=-1, rank=Rank.DELTA),
    ]
    assert next_of(Room([worker(capacity=1)], {}), several, 2 * HOUR) == [
        'delta'
    ]


def test_what_has_no_room_lets_others_pass() -> None:
    full, free = scope('full', 2), scope('free', 2)
    room = Room([worker()], {'full': 2, 'free': 1})
    several = [
        waiting('a', full, since=-9),
        waiting('b', full, free, since=-8),
        waiting('c', free, since=-7),
        waiting('d', free, since=-6),
        waiting('e', since=-5),
    ]
    assert next_of(room, several) == ['c', 'e']


def test_it_is_told_for_what_one_waits() -> None:
    room = Room([worker(capacity=3, used=3)], {'e': 2})
    needs = Needs(scopes=(scope('e', 2),))
    assert room.find(needs) is None
    assert room.why(needs).text == (
        'Waits for a free slot of endpoint "e" (2 of 2 used).'
    )
    assert room.why(needs).key == 'e'
    assert room.why(Needs()).text == (
        'Waits for a free slot of a worker (3 of 3 used).'
    )
    assert room.why(Needs()).key == 'worker'
    nobody = room.why(Needs(providers={'kvm': frozenset()}, scopes=()))
    assert nobody.text == 'Waiting: No worker offers "kvm".'
    assert nobody.key is None


def test_one_that_needs_two_things_gets_both_some_time() -> None:
    """Those that need one of them come and go for ever."""
    a, b = scope('a', 1), scope('b', 1)
    both = waiting('both', a, b, since=0)
    holds = {'a': 'x0', 'b': 'y0'}
    for minute in range(1, 1000):
        now = minute * 60.0
        # One ends, and another one of its kind wants its slot at once.
        ends = 'ab'[minute % 2]
        holds.pop(ends, None)
        others = [waiting(f'{ends}{minute}', scope(ends, 1), since=now)]
        room = Room([worker()], {key: 1 for key in holds})
        turn_of = next_of(room, [both, *others], now)
        if 'both' in turn_of:
            # Its patience ends after the two hours of its rank and one.
            assert now == pytest.approx(3 * HOUR, abs=180)
            return
        if turn_of:
            holds[ends] = turn_of[0]
    pytest.fail('it never got both')


def test_what_no_worker_can_do_keeps_nothing_from_others() -> None:
    old = Waiting(
        task_id='old',
        execution_id='e',
        turn=at(-9 * HOUR),
        wants=queue.packed(
            Needs(providers={'gone': frozenset()}, scopes=(scope('a', 1),))
        ),
    )
    room = Room([worker(capacity=1)], {})
    assert next_of(room, [old, waiting('new', scope('a', 1))]) == ['new']


def test_a_mistaken_reason_is_found() -> None:
    room = Room([worker(capacity=1, used=1)], {'e': 1})
    several: Any = [
        waiting('a', scope('e', 1)),
        waiting('b'),
        waiting('c', scope('e', 2)),
    ]
    told = dict(zip('abc', ('e', 'worker', 'e'), strict=True))
    several = [
        Waiting(
            task_id=one.task_id,
            execution_id=one.execution_id,
            turn=one.turn,
            wants=one.wants,
            blocked_by=told[one.task_id],
        )
        for one in several
    ]
    assert names(queue.mistaken(room, several)) == ['c']


@pytest.mark.parametrize('seed', range(20))
def test_nothing_is_taken_twice_and_all_come_to_their_end(seed: int) -> None:
    """Many tasks with one to three scopes each, on two workers."""
    rolls = random.Random(seed)
    limits = {name: rolls.randint(1, 3) for name in 'abcde'}
    left = {
        f't{n}': waiting(
            f't{n}',
            *(
                scope(name, limits[name])
                for name in sorted(rolls.sample('abcde', rolls.randint(0, 3)))
            ),
            since=rolls.random() * 600,
            rank=rolls.choice(list(Rank)),
        )
        for n in range(120)
    }
    running: dict[str, tuple[Service, Waiting]] = {}
    now = 0.0
    for _ in range(2000):
        if not left and not running:
            return
        now += 60
        for name in rolls.sample(sorted(running), (len(running) + 1) // 2):
            del running[name]
        used: dict[str, int] = {}
        busy = {'v': 0, 'w': 0}
        for service, one in running.values():
            busy[service.host] += 1
            for taken in queue.unpacked(one.wants).scopes:
                used[taken.key] = used.get(taken.key, 0) + 1
        assert all(used.get(n, 0) <= limits[n] for n in limits)
        assert max(busy.values()) <= 5
        workers = [worker(host, 5, n) for host, n in busy.items()]
        room, books = Room(workers, used), Room(workers, used)
        due = [one for one in left.values() if one.turn <= at(now + 2 * HOUR)]
        for one in queue.startable(room, due, at(now - HOUR)):
            needs = queue.unpacked(one.wants)
            service = books.find(needs)
            assert service is not None
            books.take(service, needs)
            running[one.task_id] = service, left.pop(one.task_id)
        # Something always goes on where something waits.
        assert running or not due
    pytest.fail(f'{len(left)} never came to their turn')


def test_a_key_has_a_greatest_length() -> None:
    long = key_of('host', 'e', 'h' * 300)
    assert len(long) == LONGEST
    assert long != key_of('host', 'e', 'h' * 301)
    assert key_of('host', 'e', 'h') == 'host:e:h'
