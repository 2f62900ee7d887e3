# SPDX-License-Identifier: Apache-2.0
"""What a task costs the database does not depend on how many there are."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from coriolis_ng.conductor.advance import advance_all, move
from coriolis_ng.conductor.moves import Moves, Work
from tests.unit.conductor.conftest import Site


class Busy(Moves):
    """A thread that has not come to it yet."""

    def tell(self, execution_id: str, work: Work) -> None: ...


@contextlib.contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    said: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith('BEGIN'):
            said.append(statement)

    engine = site.parts.database.engine
    sa.event.listen(engine, 'before_cursor_execute', note)
    yield said
    sa.event.remove(engine, 'before_cursor_execute', note)


def test_in_many_executions_as_in_few(site: Site) -> None:
    """All wait for one slot, so that each start has others behind it."""
    site.worker.capacity = 1
    site.worker.beat()
    costs = []
    for count in (3, 12):
        runs = [site.execute(site.transfer('a')).id for _ in range(count)]
        with counted(site) as said:
            site.run()
        states = {site.execution(id).state.value for id in runs}
        assert states == {'done'}
        costs.append(len(said) / count)
    few, many = costs
    assert many <= few * 1.02


def test_in_a_wide_execution_as_in_a_narrow_one(site: Site) -> None:
    """The end of one task, with many others that could start."""
    site.worker.capacity = 1
    site.worker.beat()
    costs = []
    for count in (5, 50):
        names = [f'm{number}' for number in range(count)]
        execution = site.execute(site.transfer(*names))
        given = site.taken()[-1]
        with counted(site) as said:
            site.worker.do(given)
        costs.append(len(said))
        site.run()
        assert site.execution(execution.id).state.value == 'done'
    assert costs[0] == costs[1]


def test_many_that_moved_at_once_cost_no_more_than_one(site: Site) -> None:
    site.worker.capacity = 30
    site.worker.beat()
    costs = []
    for count in (1, 10):
        runs = [site.execute(site.transfer('a')).id for _ in range(count)]
        site.taken()
        # Their first tasks end while nobody looks after them.
        site.worker.parts = dataclasses.replace(site.parts, moves=Busy())
        for given in list(site.worker.held.values()):
            site.worker.do(given)
        site.worker.parts = site.parts
        with counted(site) as said:
            move(site.parts, runs)
        costs.append(len(said))
        assert len(site.bus.starts) == count
        site.run()
    assert costs[0] == costs[1]


def test_a_look_at_all_that_run(site: Site) -> None:
    site.worker.capacity = 1
    site.worker.beat()
    costs = []
    for count in (2, 8):
        for _ in range(count):
            site.execute(site.transfer('a'))
        with counted(site) as said:
            advance_all(site.parts)
        costs.append(len(said))
    assert costs[0] == costs[1]
