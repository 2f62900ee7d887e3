# SPDX-License-Identifier: Apache-2.0
"""A conductor dies between any two statements; another one goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_db import exception

from coriolis_ng.conductor.advance import advance_all
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.db.session import Database
from coriolis_ng.objects.execution import Execution
from tests.unit.conductor.conftest import Site, make_parts

# What oslo.db makes of an error that a statement dies of; nothing of ours
# below the RPC endpoints catches it.
Crash = exception.DBError


class Fuse:
    """Burns at the n-th statement that is sent to the database."""

    def __init__(self, database: Database) -> None:
        self.left: int | None = None
        sa.event.listen(
            database.engine, 'before_cursor_execute', self._statement
        )

    def _statement(self, *_: Any) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            raise RuntimeError('in the middle of it')

    @contextlib.contextmanager
    def lit(self, statements: int) -> Iterator[None]:
        self.left = statements
        try:
            yield
        finally:
            self.left = None


def insist(fuse: Fuse, act: Callable[[], None]) -> int:
    """Repeats an act that dies one statement later each time, until it
    comes through; how often it died."""
    for statements in range(500):
        try:
            with fuse.lit(statements):
                act()
        except Crash:
            continue
        return statements
    raise AssertionError('it never came through')


@pytest.fixture
def fuse(database: Database) -> Fuse:
    return Fuse(database)


def deployments_of(site: Site, execution: Execution) -> int:
    page = db.Page(filters={'transfer_id': execution.owner_id})
    return len(
        site.parts.database.read(lambda s: db.deployments.list(s, 'p', page))
    )


def test_every_finish_dies_at_every_statement(site: Site, fuse: Fuse) -> None:
    transfer = site.transfer('a')
    execution = site.execute(transfer, auto_deploy=True)
    other: Parts = make_parts(site.parts.database, site.bus, site.store)
    died = 0
    for name in ('Look', 'Copy', 'Keep', 'CleanSource', 'CleanTarget'):
        given = find(site, name)
        if name == 'Look':
            site.worker.make(given, 'vol-a')
        output = site.worker.output(given)

        def act(given: Any = given, output: Any = output) -> None:
            from coriolis_ng.conductor import finish
            from coriolis_ng.rpc.wire import Result

            result = Result(state='done', output=output)
            finish.finish(site.parts, given.task_id, given.attempt, result)

        died += insist(fuse, act)
        del site.worker.held[given.task_id]
        if name in ('Look', 'Copy', 'Keep'):
            assert site.find(transfer.id).busy_with == execution.id
        # Whatever the dead one did not come to, the other one does.
        advance_all(other)
    assert died > 50
    assert site.execution(execution.id).state == 'done'
    assert site.find(transfer.id).busy_with is None
    replica = site.replica(transfer)
    assert len(replica.points) == 1
    # The copy, the point, and the deployment that stands on it.
    assert replica.version == 3
    assert deployments_of(site, execution) == 1
    advance_all(other)
    assert find(site, 'Boot').source is None


def find(site: Site, name: str) -> Any:
    """Nudges may have died with their conductor: beats tell."""
    site.bus.starts.clear()
    for hold in site.worker.beat().hold:
        site.worker.take(hold.task_id, hold.attempt)
    (found,) = (g for g in site.worker.held.values() if g.name == name)
    return found


def test_creation_is_all_or_nothing(site: Site, fuse: Fuse) -> None:
    transfer = site.transfer('a')
    made: list[Execution] = []

    def act() -> None:
        busy = site.find(transfer.id).busy_with
        if busy is None:
            made.append(site.execute(transfer))
        else:
            made.append(site.execution(busy))

    assert insist(fuse, act) > 10
    (execution,) = made
    assert execution.number == 1
    assert len(execution.tasks) == 5
    advance_all(site.parts)
    find(site, 'Look')
    site.run()
    assert site.execution(execution.id).state == 'done'


def test_two_conductors_do_everything_twice(site: Site) -> None:
    """Both advance after each step; nothing is started twice."""
    other = make_parts(site.parts.database, site.bus, site.store)
    transfer = site.transfer('a', 'b')
    execution = site.execute(transfer, auto_deploy=True)
    seen: list[tuple[str, str, int]] = []
    while site.execution(execution.id).state == 'running':
        for parts in (other, site.parts, other):
            advance_all(parts)
        seen += site.bus.starts
        site.taken()
        for given in list(site.worker.held.values()):
            site.worker.do(given)
    assert len(seen) == len(set(seen)) == 10
    assert {attempt for _, _, attempt in seen} == {1}
    assert deployments_of(site, execution) == 1
