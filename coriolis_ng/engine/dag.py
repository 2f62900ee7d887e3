# SPDX-License-Identifier: Apache-2.0
"""The whole run-time of an execution: which tasks to start, which to close,
and what the execution's state is.

Rows in, decision out. It is linear in nodes plus edges: a work queue over
the reverse edges, so that ten thousand tasks cost milliseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.task import TaskState as State

OPEN = frozenset({State.PENDING, State.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What the rules need to know of a task.

    ``cleans`` is non-empty for a cleanup; ``attempts`` counts how often a
    worker was given the task. ``ready`` is false while something else than
    the plan holds it back (a ``not_before``).
    """

    id: str
    state: State = State.PENDING
    needs: frozenset[str] = frozenset()
    cleans: frozenset[str] = frozenset()
    attempts: int = 0


@dataclass(slots=True)
class Decision:
    """``start`` lists tasks for workers, ``close`` the states of tasks that
    end without a worker; both in the order of the plan."""

    start: list[str] = field(default_factory=list)
    close: dict[str, State] = field(default_factory=dict)
    state: ExecutionState = ExecutionState.RUNNING


def advance(nodes: Mapping[str, Node], *, cancel: bool = False) -> Decision:
    """Decides the next steps of an execution.

    A main task starts when all it needs are done (a cleanup among them need
    only be closed); it is closed when one is not, or when cancel was asked.
    A cleanup starts when all it cleans and needs are closed and one of what
    it cleans was ever given to a worker.
    """
    state = {node.id: node.state for node in nodes.values()}
    dependents: dict[str, list[str]] = {}
    for node in nodes.values():
        for before in node.needs | node.cleans:
            dependents.setdefault(before, []).append(node.id)

    start: set[str] = set()
    close: dict[str, State] = {}
    queue = deque(n.id for n in nodes.values() if n.state is State.PENDING)
    while queue:
        node = nodes[queue.popleft()]
        if state[node.id] is not State.PENDING or node.id in start:
            continue
        verdict = _verdict(node, nodes, state, cancel)
        if verdict is State.RUNNING:
            start.add(node.id)
        elif verdict is not State.PENDING:
            # A closed task may free or close what comes after it.
            state[node.id] = close[node.id] = verdict
            queue.extend(dependents.get(node.id, ()))
    return Decision(
        start=[i for i in nodes if i in start],
        close={i: close[i] for i in nodes if i in close},
        state=_outcome(nodes, state, cancel),
    )


def _verdict(
    node: Node,
    nodes: Mapping[str, Node],
    state: Mapping[str, State],
    cancel: bool,
) -> State:
    """RUNNING: start it; PENDING: wait; anything else: close it so."""
    # A task that was once given to a worker may have left something
    # behind: it must not count as never started.
    closed = State.CANCELED if node.attempts else State.SKIPPED
    if node.cleans:
        if any(state[i] in OPEN for i in node.needs | node.cleans):
            return State.PENDING
        given = any(state[i] is not State.SKIPPED for i in node.cleans)
        return State.RUNNING if given else closed
    # A cleanup that failed leaves something over and stops nobody.
    before = [
        State.DONE if nodes[i].cleans and state[i] not in OPEN else state[i]
        for i in node.needs
    ]
    if cancel or any(s not in OPEN and s is not State.DONE for s in before):
        return closed
    done = all(s is State.DONE for s in before)
    return State.RUNNING if done else State.PENDING


def _outcome(
    nodes: Mapping[str, Node], state: Mapping[str, State], cancel: bool
) -> ExecutionState:
    """A failed cleanup leaves a stray; it never fails the execution."""
    if any(s in OPEN for s in state.values()):
        return ExecutionState.RUNNING
    main = {state[n.id] for n in nodes.values() if not n.cleans}
    if State.FAILED in main:
        return ExecutionState.FAILED
    if main - {State.DONE}:
        return ExecutionState.CANCELED if cancel else ExecutionState.FAILED
    return ExecutionState.DONE
