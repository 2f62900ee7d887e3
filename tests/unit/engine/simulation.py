# SPDX-License-Identifier: Apache-2.0
"""Random executions under everything that can go wrong.

Rows that change by compare-and-swap only, several conductors that each look
at a stale copy of them, workers that die, messages that are lost, doubled
or late, a cancel at any moment. ``run`` raises ``Broken`` when an invariant
does not hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from coriolis_ng.engine import dag
from coriolis_ng.engine.dag import Decision, Node
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.task import TaskState as State

LEASE = 5
Advance = Callable[..., Decision]


class Broken(AssertionError):
    """An invariant does not hold; the text names the seed."""


@dataclass
class Rules:
    """The store's rules, each of which a mutant leaves out."""

    finish_checks_attempt: bool = True
    start_checks_cancel: bool = True
    start_checks_attempt: bool = True


@dataclass
class Rows:
    """What the database keeps."""

    nodes: dict[str, Node]
    rules: Rules
    cancel: bool = False
    lease: dict[str, int] = field(default_factory=dict)
    started: dict[str, int] = field(default_factory=dict)

    def start(self, seen: Node, now: int) -> int | None:
        """The new attempt, or None for the loser of a race."""
        node = self.nodes[seen.id]
        if node.state is not State.PENDING:
            return None
        if self.rules.start_checks_attempt and node.attempts != seen.attempts:
            return None
        if self.rules.start_checks_cancel and self.cancel and not node.cleans:
            return None
        attempt = node.attempts + 1
        self.nodes[node.id] = replace(
            node, state=State.RUNNING, attempts=attempt
        )
        self.lease[node.id] = now + LEASE
        self.started[node.id] = self.started.get(node.id, 0) + 1
        return attempt

    def close(self, seen: Node, state: State) -> None:
        node = self.nodes[seen.id]
        if node.state is State.PENDING and node.attempts == seen.attempts:
            self.nodes[node.id] = replace(node, state=state)

    def finish(self, id: str, attempt: int, state: State) -> bool:
        node = self.nodes[id]
        if node.state is not State.RUNNING:
            return False
        if self.rules.finish_checks_attempt and node.attempts != attempt:
            return False
        self.nodes[id] = replace(node, state=state)
        return True

    def reap(self, now: int, retries: int) -> None:
        for id, until in self.lease.items():
            node = self.nodes[id]
            if node.state is not State.RUNNING or until >= now:
                continue
            if self.cancel and not node.cleans:
                state = State.CANCELED
            elif node.attempts <= retries:
                state = State.PENDING
            else:
                state = State.FAILED
            self.nodes[id] = replace(node, state=state)


def build(rng: random.Random) -> dict[str, Node]:
    """A random plan: mains with edges backwards, cleanups of some."""
    count = rng.randint(2, 9)
    nodes: dict[str, Node] = {}
    for n in range(count):
        needs = frozenset(f't{m}' for m in range(n) if rng.random() < 0.3)
        nodes[f't{n}'] = Node(id=f't{n}', needs=needs)
    mains = list(nodes)
    for n in range(rng.randint(0, 3)):
        cleans = frozenset(rng.sample(mains, rng.randint(1, 2)))
        extra = frozenset(
            m for m in mains if m not in cleans and rng.random() < 0.2
        )
        nodes[f'c{n}'] = Node(id=f'c{n}', needs=extra, cleans=cleans)
    if rng.random() < 0.3 and any(n.cleans for n in nodes.values()):
        # A main task that waits for a cleanup (freeze after the writer).
        nodes['after'] = Node(id='after', needs=frozenset({'c0'}))
    return nodes


class Execution:
    """One random execution from its first to its last step."""

    def __init__(self, seed: int, advance: Advance, rules: Rules) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.advance = advance
        self.rows = Rows(build(self.rng), rules)
        conductors = self.rng.randint(1, 3)
        first = (dict(self.rows.nodes), False)
        self.seen = [first for _ in range(conductors)]
        self.trouble = self.rng.choice([0, 0.05, 0.2])
        self.cancel_at = self.rng.choice([None, self.rng.randint(0, 25)])
        self.retries = self.rng.choice([0, 1, 3])
        self.flying: list[tuple[str, int, int, bool]] = []
        self.accepted: dict[str, int] = {}
        self.now = 0

    def broken(self, *what: object) -> Broken:
        return Broken(f'seed {self.seed}: {" ".join(map(str, what))}')

    def run(self) -> ExecutionState:
        while True:
            self.now += 1
            if self.now > 3000:
                raise self.broken('does not end')
            if self.cancel_at == self.now:
                self.rows.cancel = True
            self.rows.reap(self.now, self.retries)
            state = self.conduct()
            self.work()
            if state is not ExecutionState.RUNNING:
                return self.end(state)

    def conduct(self) -> ExecutionState:
        """One conductor, with what it saw last or with a fresh look."""
        turn = self.rng.randrange(len(self.seen))
        fresh = self.rng.random() > self.trouble
        if fresh:
            self.seen[turn] = (dict(self.rows.nodes), self.rows.cancel)
        nodes, cancel = self.seen[turn]
        decision = self.advance(nodes, cancel=cancel)
        for id, state in decision.close.items():
            self.rows.close(nodes[id], state)
        for id in decision.start:
            if self.rng.random() < self.trouble:
                break  # this conductor dies here
            self.start(nodes[id])
        # A stale look may not end an execution: ends are a fresh look.
        return decision.state if fresh else ExecutionState.RUNNING

    def start(self, seen: Node) -> None:
        attempt = self.rows.start(seen, self.now)
        if attempt is None:
            return
        node = self.rows.nodes[seen.id]
        if not node.cleans:
            if self.rows.cancel:
                raise self.broken(seen.id, 'started after the cancel')
            for need in node.needs:
                other = self.rows.nodes[need]
                closed = other.cleans and other.state not in dag.OPEN
                if other.state is not State.DONE and not closed:
                    raise self.broken(seen.id, 'before', need)
        else:
            for other in node.needs | node.cleans:
                if self.rows.nodes[other].state in dag.OPEN:
                    raise self.broken(seen.id, 'cleans too early')
        if self.rng.random() < self.trouble:
            return  # the message is lost
        copies = 2 if self.rng.random() < self.trouble else 1
        for _ in range(copies):
            due = self.now + self.rng.randint(1, 8 * copies)
            # A worker that is cut off works on, but its lease runs out.
            cut = self.rng.random() < self.trouble
            if cut:
                due += LEASE
            self.flying.append((seen.id, attempt, due, cut))

    def work(self) -> None:
        """The workers: beats, results, deaths."""
        for message in list(self.flying):
            id, attempt, due, cut = message
            if self.rng.random() < self.trouble * 0.3:
                self.flying.remove(message)  # the worker dies
                continue
            node = self.rows.nodes[id]
            mine = node.attempts == attempt
            if mine and node.state is State.RUNNING and not cut:
                self.rows.lease[id] = self.now + LEASE
                if self.rows.cancel and not node.cleans:
                    due = min(due, self.now + self.rng.randint(0, 1))
            if due <= self.now:
                self.flying.remove(message)
                if self.rng.random() >= self.trouble:
                    self.finish(id, attempt)

    def finish(self, id: str, attempt: int) -> None:
        node = self.rows.nodes[id]
        state = State.FAILED if self.rng.random() < 0.1 else State.DONE
        if self.rows.cancel and not node.cleans and self.rng.random() < 0.7:
            state = State.CANCELED
        if not self.rows.finish(id, attempt, state):
            return
        if id in self.accepted or attempt != node.attempts:
            raise self.broken(id, 'a stale result was accepted')
        self.accepted[id] = attempt

    def end(self, state: ExecutionState) -> ExecutionState:
        rows, started = self.rows.nodes, self.rows.started
        for node in rows.values():
            if node.state in dag.OPEN:
                raise self.broken(node.id, 'is open at the end')
            if node.state is State.SKIPPED and started.get(node.id):
                raise self.broken(node.id, 'was started and is skipped')
            if not (node.cleans or self.rows.cancel or started.get(node.id)):
                before = [rows[i] for i in node.needs if not rows[i].cleans]
                if all(n.state is State.DONE for n in before):
                    raise self.broken(node.id, 'was never started')
            if node.cleans:
                needed = any(started.get(i) for i in node.cleans)
                if needed != bool(started.get(node.id)):
                    raise self.broken(node.id, 'cleanup', needed)
        mains = {n.state for n in rows.values() if not n.cleans}
        wanted = ExecutionState.DONE
        if mains - {State.DONE}:
            wanted = ExecutionState.CANCELED
        if wanted is ExecutionState.CANCELED and not self.rows.cancel:
            wanted = ExecutionState.FAILED
        if State.FAILED in mains:
            wanted = ExecutionState.FAILED
        if state is not wanted:
            raise self.broken('ends as', state, 'not', wanted)
        again = self.advance(rows, cancel=self.rows.cancel)
        if again.start or again.close:
            raise self.broken('goes on after its end')
        return state


def run(
    seed: int, advance: Advance = dag.advance, rules: Rules | None = None
) -> ExecutionState:
    """One execution; raises ``Broken``."""
    return Execution(seed, advance, rules or Rules()).run()


def run_many(first: int, count: int) -> dict[str, int]:
    """How often each end state was reached."""
    ends: dict[str, int] = {}
    for seed in range(first, first + count):
        state = run(seed)
        ends[state] = ends.get(state, 0) + 1
    return ends
