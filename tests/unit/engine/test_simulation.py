# SPDX-License-Identifier: Apache-2.0
"""The rules of an execution hold in every disorder, and each is needed."""

from __future__ import annotations

import concurrent.futures
import inspect
import multiprocessing
import os
import sys
import types

import pytest

from coriolis_ng.engine import dag
from tests.unit.engine import simulation
from tests.unit.engine.simulation import Broken, Rules

COUNT = int(os.environ.get('SIMULATED_EXECUTIONS', '200000'))
CHUNK = 5000


@pytest.mark.timeout(1200)
def test_every_invariant_holds():
    ends: dict[str, int] = {}
    context = multiprocessing.get_context('spawn')
    with concurrent.futures.ProcessPoolExecutor(
        os.cpu_count(), mp_context=context
    ) as pool:
        starts = range(0, COUNT, CHUNK)
        for found in pool.map(
            simulation.run_many, starts, [CHUNK] * len(starts)
        ):
            for state, count in found.items():
                ends[state] = ends.get(state, 0) + count
    assert sum(ends.values()) >= COUNT
    # The disorder reaches all three ends, each many times.
    assert min(ends['done'], ends['failed'], ends['canceled']) > COUNT / 50


def mutant(old: str, new: str):
    """``advance`` from the source with one place changed."""
    source = inspect.getsource(dag)
    assert source.count(old) == 1, old
    changed = compile(source.replace(old, new), 'mutant', 'exec')
    scope = {'__name__': 'coriolis_ng.engine.mutant'}
    # dataclasses look their module up by name while the body runs.
    module = types.ModuleType(scope['__name__'])
    sys.modules[scope['__name__']] = module
    try:
        exec(changed, module.__dict__)  # noqa: S102
    finally:
        del sys.modules[scope['__name__']]
    return module.advance


MUTANTS = {
    'a cleanup does not wait for what it cleans': (
        'if any(state[i] in OPEN for i in node.needs | node.cleans):',
        'if any(state[i] in OPEN for i in node.needs):',
    ),
    'a cleanup does not wait for what it needs': (
        'if any(state[i] in OPEN for i in node.needs | node.cleans):',
        'if any(state[i] in OPEN for i in node.cleans):',
    ),
    'a cleanup runs only when what it cleans is done': (
        'given = any(state[i] is not State.SKIPPED for i in node.cleans)',
        'given = any(state[i] is State.DONE for i in node.cleans)',
    ),
    'a cleanup always runs': (
        'return State.RUNNING if given else closed',
        'return State.RUNNING',
    ),
    'a given task counts as never given': (
        'closed = State.CANCELED if node.attempts else State.SKIPPED',
        'closed = State.SKIPPED',
    ),
    'a main task starts before its needs are done': (
        'return State.RUNNING if done else State.PENDING',
        'return State.RUNNING',
    ),
    'a main task waits for ever for what failed': (
        'if cancel or any(s not in OPEN and s is not State.DONE'
        ' for s in before):',
        'if cancel:',
    ),
    'a cancel also stops cleanups': (
        'return State.RUNNING if given else closed',
        'return State.RUNNING if given and not cancel else closed',
    ),
    'what a closed task frees is not looked at again': (
        'queue.extend(dependents.get(node.id, ()))',
        'pass',
    ),
    'a failed cleanup stops the main task after it': (
        'State.DONE if nodes[i].cleans and state[i] not in OPEN else state[i]',
        'state[i]',
    ),
    'a failed cleanup fails the execution': (
        'main = {state[n.id] for n in nodes.values() if not n.cleans}',
        'main = {state[n.id] for n in nodes.values()}',
    ),
    'a canceled execution is called done': (
        'return ExecutionState.CANCELED if cancel else ExecutionState.FAILED',
        'return ExecutionState.DONE',
    ),
}


@pytest.mark.parametrize('name', MUTANTS)
def test_a_mutant_of_the_rules_is_caught(name):
    advance = mutant(*MUTANTS[name])
    if name.startswith('what a closed task frees'):
        # A second look finds it, so only the number of looks differs.
        nodes = chain(50, failed_first=True)
        assert len(dag.advance(nodes).close) == 49
        assert len(advance(nodes).close) < 49
        return
    with pytest.raises(Broken):
        for seed in range(5000):
            simulation.run(seed, advance)


def chain(length: int, *, failed_first: bool = False) -> dict[str, dag.Node]:
    """Tasks that need each other, listed last first."""
    nodes = {}
    for n in reversed(range(length)):
        nodes[str(n)] = dag.Node(
            id=str(n),
            needs=frozenset({str(n - 1)}) if n else frozenset(),
            state=dag.State.FAILED
            if failed_first and n == 0
            else dag.State.PENDING,
        )
    return nodes


@pytest.mark.parametrize(
    'rule',
    ['finish_checks_attempt', 'start_checks_cancel', 'start_checks_attempt'],
)
def test_a_row_rule_that_is_left_out_is_caught(rule):
    rules = Rules(**{rule: False})
    if rule == 'start_checks_attempt':
        # Two conductors with the same stale look: both would start it.
        rows = simulation.Rows(chain(1), rules)
        seen = rows.nodes['0']
        first = rows.start(seen, 1)
        rows.reap(100, retries=3)
        assert rows.start(seen, 101) == 2  # the stale look wins: wrong
        rows = simulation.Rows(chain(1), Rules())
        seen = rows.nodes['0']
        assert rows.start(seen, 1) == first == 1
        rows.reap(100, retries=3)
        assert rows.start(seen, 101) is None
        return
    with pytest.raises(Broken):
        for seed in range(20000):
            simulation.run(seed, dag.advance, rules)


def test_ten_thousand_tasks_are_one_pass():
    """Linear: the number of verdicts, not the seconds, is what counts."""
    nodes = chain(10_000, failed_first=True)
    assert len(dag.advance(nodes).close) == 9_999
