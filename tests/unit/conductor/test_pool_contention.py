# SPDX-License-Identifier: Apache-2.0
"""Executions that compete for the machines of pools, on SQLite and on a real
MariaDB: all machines or none, and nobody waits in a circle."""

from __future__ import annotations

import itertools

import pytest
import sqlalchemy as sa

from coriolis_ng.conductor import pool_claims
from coriolis_ng.db import api as db
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.minion_pool import (
    MachineState,
    MinionPool,
    PoolPlatform,
    PoolSpec,
    PoolState,
)
from tests.unit.db import make
from tests.unit.db.conftest import (
    database,
    mariadb,
    reused,
    synced,
    template,
)

__all__ = ['database', 'mariadb', 'reused', 'synced', 'template']

ROUNDS = 15
MOST = 3


def pool(database: Database, machines: int) -> str:
    """The id of an allocated pool of three at most."""
    end = database.write(lambda s: db.endpoints.create(s, make.endpoint()))
    given = MinionPool(
        id=new_id(),
        project_id='p1',
        user_id='u1',
        spec=PoolSpec(
            name='writers',
            endpoint_id=end.id,
            platform=PoolPlatform.DESTINATION,
            minimum_minions=0,
            maximum_minions=MOST,
        ),
    )
    database.write(lambda s: db.minion_pools.create(s, given))
    database.write(
        lambda s: db.minion_pools.switch(
            s,
            given.id,
            [PoolState.DEALLOCATED],
            PoolState.ALLOCATED,
            held_by=None,
            hold=None,
        )
    )
    for _ in range(machines):
        one = pool_claims.PoolMachine(
            id=new_id(),
            pool_id=given.id,
            state=MachineState.AVAILABLE,
            minion=Minion(id=new_id()),
        )
        database.write(lambda s, o=one: db.minion_pools.add_machine(s, o))
    return given.id


def claim(
    database: Database, ids: tuple[str, ...], wanted: int, execution: str
) -> bool:
    """Of each pool so many, in one transaction, as an execution does it."""

    def write(session: sa.orm.Session) -> None:
        for id in sorted(ids):
            names = [f'vm{n}' for n in range(wanted)]
            pool_claims.claim(session, id, execution, names, 'action')

    try:
        database.write(write)
    except pool_claims.Busy:
        return False
    return True


def end(database: Database, id: str) -> None:
    execution = Execution(
        id=id,
        project_id='p1',
        owner_id='t',
        kind=ExecutionKind.TRANSFER,
        number=1,
        state=ExecutionState.RUNNING,
        spec=ExecutionSpec(),
    )
    database.write(
        lambda s: pool_claims.end(s, execution, ExecutionState.DONE)
    )


def held(database: Database, id: str) -> dict[str, int]:
    """How many machines each execution has."""
    found = database.read(lambda s: db.minion_pools.get(s, id))
    assert len(found.machines) <= MOST
    several = sorted(m.claimed_by for m in found.machines if m.claimed_by)
    return {k: len([*v]) for k, v in itertools.groupby(several)}


def deadlocks(database: Database) -> int:
    """How many the server has seen since it started."""
    if database.engine.dialect.name == 'sqlite':
        return 0
    with database.reader() as session:
        row = session.execute(
            sa.text("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
        ).one()
    return int(row[1])


@pytest.mark.parametrize('there', [0, 2, 3])
def test_one_of_two_that_want_two_of_three(
    database: Database, there: int
) -> None:
    id = pool(database, there)
    before = deadlocks(database)
    for _ in range(ROUNDS):
        names = [new_id(), new_id()]
        won = make.race(
            2, lambda n, names=names: claim(database, (id,), 2, names[n])
        )
        assert sorted(won) == [False, True]
        assert held(database, id) == {names[won.index(True)]: 2}
        end(database, names[won.index(True)])
        assert held(database, id) == {}
    assert deadlocks(database) == before


def test_two_that_want_machines_of_two_pools(database: Database) -> None:
    """In whatever order they name them."""
    ids = pool(database, 3), pool(database, 3)
    before = deadlocks(database)
    for _ in range(ROUNDS):
        names = [new_id(), new_id()]
        won = make.race(
            2,
            lambda n, names=names: claim(
                database, ids[:: 1 - 2 * n], 2, names[n]
            ),
        )
        assert sorted(won) == [False, True]
        winner = names[won.index(True)]
        # Who was refused has nothing of the other pool either.
        assert [held(database, id) for id in ids] == [{winner: 2}] * 2
        end(database, winner)
    assert deadlocks(database) == before


def test_claims_while_others_end(database: Database) -> None:
    id = pool(database, 3)
    before = deadlocks(database)

    def work(number: int) -> int:
        lent = 0
        for _ in range(ROUNDS):
            name = new_id()
            if claim(database, (id,), 1 + number % 3, name):
                lent += 1
                end(database, name)
        return lent

    lent = make.race(4, work)
    assert held(database, id) == {}
    # Who wants one is not shut out by those who want more.
    assert lent[0] > 0
    assert sum(lent) > ROUNDS // 2
    assert deadlocks(database) == before
