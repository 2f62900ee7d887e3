# SPDX-License-Identifier: Apache-2.0
"""Minion pools, and machines that are claimed by one execution each."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.db.errors import Changed
from coriolis_ng.db.session import Database
from coriolis_ng.objects import new_id
from coriolis_ng.objects.minion import Minion, Ssh
from coriolis_ng.objects.minion_pool import (
    MachineState,
    MinionPool,
    PoolMachine,
    PoolPlatform,
    PoolSpec,
    PoolState,
    Power,
)
from coriolis_ng.objects.task import Level
from tests.unit.db import make


def pool(database: Database, project_id: str = 'p1') -> MinionPool:
    end = database.write(
        lambda s: db.endpoints.create(s, make.endpoint(project_id))
    )
    given = MinionPool(
        id=new_id(),
        project_id=project_id,
        user_id='u1',
        spec=PoolSpec(
            name='Ünï',
            endpoint_id=end.id,
            platform=PoolPlatform.DESTINATION,
            environment_options={'a': [1]},
        ),
    )
    made = database.write(lambda s: db.minion_pools.create(s, given))
    assert msgspec.structs.replace(made, created_at=None) == given
    return made


def machine(
    database: Database,
    pool_id: str,
    state: MachineState = MachineState.AVAILABLE,
) -> PoolMachine:
    given = PoolMachine(
        id=new_id(),
        pool_id=pool_id,
        state=state,
        power=Power.ON,
        minion=Minion(
            id='vm',
            ssh=Ssh(host='h', user='u', key='k', host_key='hk'),
            disks={'vda': 'serial'},
        ),
    )
    made = database.write(lambda s: db.minion_pools.add_machine(s, given))
    assert msgspec.structs.replace(made, created_at=None) == given
    return made


def test_a_pool_comes_back_as_it_was(database: Database) -> None:
    made = pool(database)
    get, list_ = db.minion_pools.get, db.minion_pools.list
    assert database.read(lambda s: get(s, made.id, 'p1')) == made
    assert database.read(lambda s: list_(s, 'p1')) == [made]
    assert database.read(lambda s: list_(s, 'p2')) == []
    with pytest.raises(errors.NotFound):
        database.read(lambda s: get(s, made.id, 'p2'))
    spec = msgspec.structs.replace(made.spec, maximum_minions=9)
    changed = database.write(
        lambda s: db.minion_pools.update(
            s, msgspec.structs.replace(made, spec=spec)
        )
    )
    assert (changed.spec.maximum_minions, changed.version) == (9, 1)
    with pytest.raises(Changed), database.writer() as session:
        db.minion_pools.update(session, made)
    users = db.minion_pools.users_of
    assert database.read(lambda s: users(s, made.spec.endpoint_id)) == [
        made.id
    ]


def test_a_state_is_switched_by_one(database: Database) -> None:
    made = pool(database)

    def allocate(number: int) -> bool:
        return database.write(
            lambda s: db.minion_pools.switch(
                s,
                made.id,
                [PoolState.DEALLOCATED],
                PoolState.ALLOCATING,
                held_by=None,
                hold=f'e{number}',
            )
        )

    answers = make.race(5, allocate)
    assert sorted(answers) == [False] * 4 + [True]
    found = database.read(lambda s: db.minion_pools.get(s, made.id))
    holder = f'e{answers.index(True)}'
    assert (found.state, found.busy_with) == (PoolState.ALLOCATING, holder)
    with pytest.raises(errors.Conflict):
        database.write(lambda s: db.minion_pools.delete(s, made.id))

    def end(holder: str) -> bool:
        return database.write(
            lambda s: db.minion_pools.switch(
                s,
                made.id,
                [PoolState.ALLOCATING],
                PoolState.ERROR,
                held_by=holder,
                hold=None,
            )
        )

    assert not end('another')
    assert end(holder)
    database.write(lambda s: db.minion_pools.delete(s, made.id))


def test_a_pool_with_machines_stays(database: Database) -> None:
    made = pool(database)
    one = machine(database, made.id)
    found = database.read(lambda s: db.minion_pools.get(s, made.id))
    assert found.machines == (one,)
    with pytest.raises(errors.Conflict, match='1 machines'):
        database.write(lambda s: db.minion_pools.delete(s, made.id))
    database.write(lambda s: db.minion_pools.drop_machine(s, one.id))
    database.write(lambda s: db.minion_pools.delete(s, made.id))


def test_a_machine_is_taken_by_one(database: Database) -> None:
    made = pool(database)
    one = machine(database, made.id)
    busy = machine(database, made.id, MachineState.ALLOCATING)

    def take(number: int) -> bool:
        return database.write(
            lambda s: db.minion_pools.take(
                s, one.id, f'e{number}', instance='web', action_id='t'
            )
        )

    answers = make.race(5, take)
    assert sorted(answers) == [False] * 4 + [True]
    holder = f'e{answers.index(True)}'
    found = database.read(lambda s: db.minion_pools.machine_of(s, one.id))
    assert (found.state, found.claimed_by) == (MachineState.IN_USE, holder)
    assert (found.instance, found.action_id) == ('web', 't')
    assert found.last_used_at is not None
    assert not database.write(
        lambda s: db.minion_pools.take(
            s, busy.id, 'e', instance='web', action_id='t'
        )
    )
    mine = database.read(lambda s: db.minion_pools.claimed(s, holder))
    assert [m.id for m in mine] == [one.id]
    claimed = db.minion_pools.claimed
    assert database.read(lambda s: claimed(s, holder, 'db')) == []
    assert database.read(lambda s: claimed(s, 'another')) == []


def test_a_machine_with_the_options_of_its_pool(database: Database) -> None:
    one = machine(database, pool(database).id)
    found = database.read(lambda s: db.minion_pools.with_options(s, one))
    assert found == msgspec.structs.replace(one, options={'a': [1]})


def test_idle_machines(database: Database) -> None:
    made = pool(database)
    one = machine(database, made.id)
    machine(database, made.id, MachineState.IN_USE)
    idle = db.minion_pools.idle_since
    found = database.read(lambda s: idle(s, made.id, -60))
    assert [m.id for m in found] == [one.id]
    assert database.read(lambda s: idle(s, made.id, 3600)) == []


def test_its_story_keeps_the_newest_lines(database: Database) -> None:
    made, other = pool(database), pool(database)

    def tell(session: object) -> None:
        for number in range(60):
            db.minion_pools.tell(session, made.id, f'{number}')  # type: ignore[arg-type]

    database.write(tell)
    database.write(
        lambda s: db.minion_pools.tell(s, other.id, 'x', Level.ERROR)
    )
    found = database.read(lambda s: db.minion_pools.list(s, 'p1'))
    lines = {p.id: [e.message for e in p.events] for p in found}
    assert lines[made.id] == [str(n) for n in range(10, 60)]
    assert lines[other.id] == ['x']
