# SPDX-License-Identifier: Apache-2.0
"""Random writes and deltas with faults: in the end target == source.

Every round changes the source, copies what changed to a disk behind a real
agent, and breaks something on the way; a round that fails is taken up again
from its journal, as a next attempt would.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from coriolis_ng.transport import (
    AgentSink,
    Certificates,
    Extent,
    Journal,
    Kind,
    copy,
)
from coriolis_ng.transport.errors import ConnectionLost, TransportError
from coriolis_ng.transport.sinks.agent import Patience
from tests.conformance.transport.servers import HOST, Agent
from tests.unit.transport.faults import Faults, FaultyReader

SIZE = (3 << 20) + 1234
SEGMENT = 1 << 20
CHUNK = 64 << 10

writes = st.lists(
    st.tuples(
        st.integers(0, SIZE - 1),
        st.integers(1, 300_000),
        st.sampled_from(['data', 'zero', 'hole']),
    ),
    max_size=6,
)
rounds = st.lists(
    st.tuples(
        writes,
        st.integers(0, 2**32),
        st.sets(st.integers(1, 40), max_size=3),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


class World:
    """A source that tracks its changes, and a target behind an agent."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.source, self.target = folder / 'source', folder / 'target'
        self.certificates = certificates
        self.server = Agent(folder, {'vda': self.target}, certificates)
        self.reset()
        self.server.start()
        self.attempt = 0

    def reset(self) -> None:
        for path in (self.source, self.target):
            if not path.exists():
                path.touch()
            with path.open('r+b') as file:
                file.truncate(SIZE)
                file.write(bytes(SIZE))
        self.changed: set[int] = set()

    def write(self, start: int, length: int, kind: str, noise: int) -> None:
        length = min(length, SIZE - start)
        data = bytes(length)
        if kind == 'data':
            data = random.Random(noise).randbytes(length)
        with self.source.open('r+b') as file:
            file.seek(start)
            file.write(data)
        blocks = range(start // CHUNK, (start + length - 1) // CHUNK + 1)
        self.changed |= set(blocks)

    def delta(self) -> list[Extent]:
        """Changed blocks, those without data as ZERO or HOLE."""
        content = self.source.read_bytes()
        found = []
        for block in sorted(self.changed):
            part = content[block * CHUNK : (block + 1) * CHUNK]
            kind = Kind.DATA
            if not any(part):
                kind = Kind.HOLE if block % 2 else Kind.ZERO
            found.append(
                Extent(start=block * CHUNK, length=len(part), kind=kind)
            )
        return found

    def copy(self, journal: Journal, faults: set[int], kill: bool) -> None:
        """One attempt; raises what ended it."""
        self.attempt += 1
        sink = AgentSink(
            HOST,
            self.server.port,
            'vda',
            context=self.certificates.client_context(),
            attempt=self.attempt,
            patience=Patience(
                timeout_seconds=10, tries=2, first_delay_seconds=0.01
            ),
        )
        plan: dict[int, Exception] = {
            number: ConnectionLost('injected') for number in faults
        }
        reads = Faults(plan)
        if kill:
            reads.hook = self.kill_at(7)
        reader = FaultyReader(self.source, reads)
        try:
            copy(
                reader,
                sink,
                self.delta(),
                workers=2,
                buffer=CHUNK,
                journal=journal,
            )
        finally:
            sink.close()
            reader.close()

    def kill_at(self, number: int):  # noqa: ANN201
        seen = []

        def hook(what: str, offset: int) -> None:
            seen.append(offset)
            if len(seen) == number:
                self.server.kill()
                self.server.start()

        return hook

    def transfer(self, name: str, faults: set[int], kill: bool) -> int:
        """Attempts until the round is whole; answers how many there were."""
        value = Journal(name, SIZE, segment=SEGMENT).value()
        for attempt in range(1, 10):
            journal = Journal.load(value, name, SIZE)
            try:
                self.copy(journal, faults, kill)
            except TransportError:
                value = journal.value()
                faults, kill = set(), False
                continue
            self.changed.clear()
            return attempt
        raise AssertionError('never whole')


@pytest.fixture(scope='module')
def world(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> World:
    made = World(tmp_path_factory.mktemp('world'), certificates)
    yield made
    made.server.kill()


@seed(20260521)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(story=rounds)
def test_target_equals_source(
    world: World,
    story: list[tuple[list[tuple[int, int, str]], int, set[int], bool]],
) -> None:
    world.reset()
    for number, (changes, noise, faults, kill) in enumerate(story):
        for start, length, kind in changes:
            world.write(start, length, kind, noise)
        world.transfer(f'{noise}-{number}', faults, kill)
        assert world.target.read_bytes() == world.source.read_bytes()


def test_a_killed_agent_fails_the_attempt_and_the_next_is_whole(
    world: World,
) -> None:
    world.reset()
    for start in range(0, SIZE - 300_000, 300_000):
        world.write(start, 300_000, 'data', start)
    assert world.transfer('killed', set(), True) == 2
    assert world.target.read_bytes() == world.source.read_bytes()
