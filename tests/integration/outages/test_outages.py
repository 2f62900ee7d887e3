# SPDX-License-Identifier: Apache-2.0
"""The broker, the database or a worker's network is away for a minute while
replicas are made: all come to their end, and nothing is done twice."""

from __future__ import annotations

import collections
import pathlib
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.world import MIB, World, task, told, wait_until
from tests.integration.chaos import people, verdict
from tests.integration.outages.conftest import Plain

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.thorough,
    pytest.mark.timeout(900),
]

SECONDS = 60
READ_SECONDS = 2.0
PART = 128 * MIB  # of the journal
# Parts of each machine's disk, so that some copies end while nobody can be
# told, some after that, and some are not yet begun.
PARTS = (4, 12, 24, 40)
COPY = 'REPLICATE_DISKS'
# Of one process and one outage; a line for each retry would be hundreds.
MOST_LINES = 50
# A worker stops its tasks 75 seconds after its last beat.
SHORT_SECONDS = 65
LOST = 16 * MIB
Json = dict[str, Any]
LEVELS = re.compile(r' (WARNING|ERROR|CRITICAL) ')


class Story:
    """Transfers that run through an outage."""

    def __init__(self, world: World) -> None:
        self.world = world
        service = world.service
        assert isinstance(service, Plain)
        self.service = service
        self.names = [f'machine {number}' for number in range(len(PARTS))]
        for name, parts in zip(self.names, PARTS, strict=True):
            world.source.make_machine(name, parts * PART)
            for part in range(parts):
                world.fill(name, 0, part * PART, MIB)
        world.source.call('test_delay', call='read', seconds=READ_SECONDS)
        self.transfers = [world.transfer(name) for name in self.names]
        self.runs: list[str] = []

    def begin(self) -> None:
        """Until something was written by each worker."""
        self.runs = [self.world.start(id) for id in self.transfers]
        wait_until(lambda: self.world.written() >= 4 * MIB, 'first writes')

    def away(
        self, stop: Callable[[], None], start: Callable[[], None]
    ) -> None:
        """Nobody is there for a minute; nothing is lost by then."""
        self.marks = {
            log.name: log.stat().st_size
            for log in self.service.folder.glob('*-?.log')
        }
        begin = time.monotonic()
        stop()
        time.sleep(SECONDS)
        start()
        self.lasted = time.monotonic() - begin

    def complete(self) -> list[Json]:
        """All are well; and so is the next round."""
        done = []
        for transfer, run in zip(self.transfers, self.runs, strict=True):
            one = self.world.ended(transfer, run, 400)
            assert one['status'] == 'COMPLETED', told(one)
            done.append(one)
        self.world.source.call('test_calm')
        for name, transfer in zip(self.names, self.transfers, strict=True):
            self.world.fill(name, 0, 2 * MIB, MIB)
            self.world.run(transfer)
            newest, first = self.world.points(transfer)
            assert (newest['mode'], first['mode']) == ('delta', 'full')
            people.check_same(self.world, newest, name)
        return done

    def judge(self) -> None:
        """Nothing twice; and again only what was not yet durable when a
        task was given away, which is when a lease has ended."""
        log = self.world.destination.log()
        assert verdict.made_twice([*log, *self.world.source.log()]) == []
        assert verdict.written_wrongly(log) == []
        assert verdict.unended(self.service) == []
        assert verdict.slots(self.service) == []
        written, again = verdict.rewritten(log)
        print(f'away for {self.lasted:.0f} s, {again >> 20} MiB again')
        assert written - again == (sum(PARTS) + len(PARTS)) * MIB
        assert again <= LOST
        if self.lasted < SHORT_SECONDS:
            assert again == 0

    def said(self, name: str) -> list[str]:
        """Warnings and worse since it was away."""
        log = pathlib.Path(self.service.folder / f'{name}.log')
        with log.open('rb') as file:
            file.seek(self.marks.get(log.name, 0))
            text = file.read().decode(errors='replace')
        assert 'Traceback' not in text, text[text.index('Traceback') :][:2000]
        lines = [one for one in text.splitlines() if LEVELS.search(one)]
        kinds = collections.Counter(
            re.sub(r'\d+', '#', one[24:90]) for one in lines
        )
        print(name, len(lines), kinds.most_common(4))
        assert len(lines) <= MOST_LINES, kinds.most_common(9)
        return lines


def only(lines: list[str], words: str) -> str:
    [found] = [line for line in lines if words in line]
    return found


def test_queues_are_quorum_queues(world: World) -> None:
    """Those that several listen to, and those for answers; what is told to
    everybody at once is never used."""
    service = world.service
    assert isinstance(service, Plain)
    world.run(world.transfer(world.machine('one', MIB)))
    queues = service.broker.queues()
    for name in (
        'coriolis_conductor',
        'coriolis_conductor_queries',
        'coriolis_conductor.conductor-1',
        'coriolis_worker.worker-1',
        'coriolis_worker.worker-2',
    ):
        assert queues[name] == 'quorum', queues
    answers = [kind for name, kind in queues.items() if 'reply_' in name]
    assert answers
    assert set(queues.values()) == {'quorum'}, queues


def test_the_broker_is_stopped(world: World) -> None:
    story = Story(world)
    story.begin()
    broker = story.service.broker
    story.away(broker.stop, broker.start)
    story.complete()
    story.judge()
    for name in ('worker-1', 'worker-2'):
        lines = story.said(name)
        only(lines, 'Every conductor is away')
        only(lines, 'Every conductor is back after')
    for name in ('conductor-1', 'conductor-2'):
        assert any('unreachable' in line for line in story.said(name))


def test_the_database_is_stopped(world: World) -> None:
    story = Story(world)
    story.begin()
    rows = story.service.rows
    story.away(rows.stop, rows.start)
    story.complete()
    story.judge()
    for name in ('conductor-1', 'conductor-2'):
        lines = story.said(name)
        assert '(2003, ' in only(lines, 'The database is away') or (
            '(2013, ' in only(lines, 'The database is away')
        )
        only(lines, 'The database is back after')
    for name in ('worker-1', 'worker-2'):
        lines = story.said(name)
        only(lines, 'Every conductor is away: The database is away')
        only(lines, 'Every conductor is back after')


def test_the_network_of_a_worker_is_cut(cut_world: World) -> None:
    """Its tasks go on when it is back, or another one has them by then."""
    story = Story(cut_world)
    story.begin()
    inside = story.service.inside
    assert inside is not None
    running = [
        cut_world.client.executions.of(transfer).get(run)
        for transfer, run in zip(story.transfers, story.runs, strict=True)
    ]
    hosts = {task(one, COPY)['host'] for one in running}
    assert 'worker-1' in hosts
    story.away(inside.cut, inside.mend)
    done = story.complete()
    print('attempts', [task(one, COPY)['attempt'] for one in done])
    # Connections that were cut in silence take a while to be given up.
    story.lasted += SHORT_SECONDS
    story.judge()
    lines = story.said('worker-1')
    only(lines, 'Every conductor is away')
    only(lines, 'Every conductor is back after')
    for name in ('worker-2', 'conductor-1', 'conductor-2'):
        story.said(name)
