# SPDX-License-Identifier: Apache-2.0
"""Pools: machines claimed in one transaction, freed with the execution."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import (
    endpoints,
    finish,
    minion_pools,
    transfers,
    vault,
)
from coriolis_ng.db import api as db
from coriolis_ng.engine.plan import Plan
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.execution import (
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
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.rpc.wire import Assignment, Result
from coriolis_ng.tasks.pools import GiveBack, TakeFromPool
from tests.unit.conductor import samples
from tests.unit.conductor.conftest import Site
from tests.unit.conductor.scripted import CLOUD
from tests.unit.db.make import race


def through_pool(
    given: Transfer, replicas: Mapping[str, Replica], spec: ExecutionSpec
) -> Plan:
    plan = Plan()
    for name in given.spec.instances:
        writer = plan.add(TakeFromPool, instance=name, volumes=Volumes())
        look = plan.add(samples.Look, instance=name, name=name)
        copy = plan.add(
            samples.Copy, instance=name, vm=look.vm, after=[writer]
        )
        plan.clean(GiveBack, writer, after=[copy])
    return plan


@pytest.fixture
def pooled(site: Site) -> Site:
    """A site whose transfers may go through a pool."""
    recipes = dataclasses.replace(samples.RECIPES, transfer=through_pool)
    site.parts = dataclasses.replace(site.parts, recipes=recipes)
    site.worker.parts = site.parts
    offers_pools(site)
    return site


def offers_pools(site: Site) -> None:
    """From here on its worker can look after pools."""
    offer = msgspec.structs.replace(
        CLOUD,
        capabilities=(*CLOUD.capabilities, 'pools'),
        schemas={**CLOUD.schemas, 'destination_pool': {'type': 'object'}},
    )
    site.worker.beat(providers=(offer,))


def endpoint(site: Site) -> str:
    spec = EndpointSpec(
        name='there', type='cloud', connection_info={'password': 'pw'}
    )
    return endpoints.create(site.parts, site.who, spec).id


def pool(site: Site, transfer: Transfer | None = None, **more: Any) -> str:
    """The id of a pool at the destination, not allocated yet."""
    id = transfer.spec.destination_endpoint_id if transfer else endpoint(site)
    spec = PoolSpec(
        name='writers',
        endpoint_id=id,
        platform=PoolPlatform.DESTINATION,
        **{'minion_max_idle_time': 3600, **more},
    )
    return minion_pools.create(site.parts, site.who, spec).id


def find(site: Site, id: str) -> MinionPool:
    return site.parts.database.read(lambda s: db.minion_pools.get(s, id))


def states(site: Site, id: str) -> list[str]:
    return [machine.state.value for machine in find(site, id).machines]


def work(site: Site, died: tuple[str, ...] = ()) -> list[Assignment]:
    """Does all that is nudged for; machines are made where there is none,
    and anew for tasks of instances that ``died`` names."""
    done = []
    site.taken()
    while site.worker.held:
        for given in list(site.worker.held.values()):
            done.append(given)
            do(site, given, died)
        site.taken()
    return done


def do(site: Site, given: Assignment, died: tuple[str, ...] = ()) -> None:
    if given.name not in {'KeepMachine', 'TakeFromPool'}:
        site.worker.do(given)
        return
    minion = given.input['minion']
    if minion is not None and given.instance in died:
        vault.dropped(
            site.parts,
            given.task_id,
            given.attempt,
            ResourceKind.VM,
            minion['id'],
        )
        minion = None
    if minion is None:
        minion = to_plain(Minion(id=f'vm-{given.tag}'))
        site.worker.make(given, minion['id'], ResourceKind.VM)
    site.worker.finish(given, Result(state='done', output={'minion': minion}))


def allocated(site: Site, transfer: Transfer, **more: Any) -> str:
    """An allocated pool that the transfer uses."""
    id = pool(site, transfer, **more)
    minion_pools.allocate(site.parts, site.who, id)
    work(site)
    transfers.update(
        site.parts,
        site.who,
        transfer.id,
        {'destination_minion_pool_id': id},
    )
    return id


def test_a_pool_that_has_machines_is_not_changed(
    pooled: Site, site: Site
) -> None:
    id = allocated(pooled, pooled.transfer('a'))
    with pytest.raises(errors.Conflict, match='deallocate it first'):
        minion_pools.update(pooled.parts, pooled.who, id, {'name': 'new'})


def test_allocate_and_deallocate(pooled: Site) -> None:
    id = pool(pooled, minimum_minions=2, maximum_minions=3)
    made = minion_pools.allocate(pooled.parts, pooled.who, id)
    assert made.state is PoolState.ALLOCATING
    assert made.busy_with is not None
    with pytest.raises(errors.Conflict, match='busy'):
        minion_pools.allocate(pooled.parts, pooled.who, id)
    work(pooled)
    ready = find(pooled, id)
    assert (ready.state, ready.busy_with) == (PoolState.ALLOCATED, None)
    assert states(pooled, id) == ['available'] * 2
    assert all(machine.minion for machine in ready.machines)
    run = pooled.last_of(id)
    assert run.kind is ExecutionKind.POOL_ALLOCATE
    assert run.state is ExecutionState.DONE
    # What was made is the pool's: no cleanup took it for a leftover.
    entries = pooled.parts.database.read(
        lambda s: db.ledger.rows(s, transfer_id=id)
    )
    assert len(entries) == 2
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=False)
    work(pooled)
    assert find(pooled, id).state is PoolState.DEALLOCATED
    assert find(pooled, id).machines == ()
    minion_pools.delete(pooled.parts, pooled.who, id)


def test_one_of_several_allocates(pooled: Site) -> None:
    id = pool(pooled)

    def allocate(_: int) -> bool:
        try:
            minion_pools.allocate(pooled.parts, pooled.who, id)
        except errors.Conflict:
            return False
        return True

    assert sorted(race(4, allocate)) == [False, False, False, True]
    assert len(find(pooled, id).machines) == 1


def test_an_allocation_that_fails(pooled: Site) -> None:
    id = pool(pooled, minimum_minions=2, maximum_minions=2)
    minion_pools.allocate(pooled.parts, pooled.who, id)
    first, _ = pooled.taken()
    pooled.worker.finish(
        first, Result(state='failed', message='no room', code='quota_exceeded')
    )
    work(pooled)
    found = find(pooled, id)
    assert found.state is PoolState.ERROR
    assert sorted(states(pooled, id)) == ['available', 'error']
    assert any(event.level == 'error' for event in found.events)
    # It can be tried again, or removed.
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=False)
    work(pooled)
    assert find(pooled, id).state is PoolState.DEALLOCATED


def test_machines_are_lent_and_come_back(pooled: Site) -> None:
    transfer = pooled.transfer('a', 'b')
    id = allocated(pooled, transfer, minimum_minions=2, maximum_minions=2)
    before = {m.id: m.minion for m in find(pooled, id).machines}
    execution = pooled.execute(transfer)
    lent = find(pooled, id).machines
    assert {m.instance for m in lent} == {'a', 'b'}
    assert {m.claimed_by for m in lent} == {execution.id}
    assert {m.action_id for m in lent} == {transfer.id}
    assert states(pooled, id) == ['in_use'] * 2
    with pytest.raises(errors.Conflict, match='in use'):
        minion_pools.deallocate(pooled.parts, pooled.who, id, force=False)
    done = work(pooled)
    gave = [g for g in done if g.name == 'GiveBack']
    assert len(gave) == 2
    # The cleanup is told which machine it is, and so is the task.
    for given in [*gave, *(g for g in done if g.name == 'TakeFromPool')]:
        assert given.input['minion']['id'] in {
            m.id for m in before.values() if m
        }
    after = find(pooled, id).machines
    assert states(pooled, id) == ['available'] * 2
    assert {m.id: m.minion for m in after} == before
    assert all(m.claimed_by is None and m.last_used_at for m in after)


def test_all_or_none_are_claimed(pooled: Site) -> None:
    transfer = pooled.transfer('a', 'b', 'c')
    id = allocated(pooled, transfer, minimum_minions=2, maximum_minions=2)
    with pytest.raises(errors.Conflict, match='2 at most'):
        pooled.execute(transfer)
    assert states(pooled, id) == ['available'] * 2
    assert pooled.find(transfer.id).busy_with is None


def test_who_fails_before_it_made_a_machine_keeps_no_place(
    pooled: Site,
) -> None:
    transfer = pooled.transfer('a', 'b')
    id = allocated(pooled, transfer, maximum_minions=2)
    pooled.execute(transfer)
    assert states(pooled, id) == ['in_use'] * 2
    for given in pooled.taken():
        pooled.worker.fail(given, 'there is no such machine')
    work(pooled)
    # The planned one is gone, and nobody waits for it to be healed.
    assert states(pooled, id) == ['available']
    pooled.execute(transfer)
    assert states(pooled, id) == ['in_use'] * 2


def test_executions_never_share_a_machine(pooled: Site) -> None:
    several = [pooled.transfer(f'vm{n}') for n in range(4)]
    end = several[0].spec.destination_endpoint_id
    for one in several[1:]:
        spec = msgspec.structs.replace(one.spec, destination_endpoint_id=end)
        pooled.parts.database.write(
            lambda s, o=one, n=spec: db.transfers.update(
                s, msgspec.structs.replace(o, spec=n)
            )
        )
    id = allocated(pooled, several[0], minimum_minions=2, maximum_minions=3)
    for one in several[1:]:
        transfers.update(
            pooled.parts,
            pooled.who,
            one.id,
            {'destination_minion_pool_id': id},
        )

    def execute(number: int) -> bool:
        try:
            pooled.execute(several[number])
        except errors.Conflict:
            return False
        return True

    # Two machines are there, a third may be made.
    assert sorted(race(4, execute)) == [False, True, True, True]
    found = find(pooled, id).machines
    assert len(found) == 3
    assert len({m.claimed_by for m in found}) == 3
    work(pooled)
    assert states(pooled, id) == ['available'] * 3


def test_a_machine_made_anew_stays_the_pools(pooled: Site) -> None:
    transfer = pooled.transfer('a')
    id = allocated(pooled, transfer)
    [old] = find(pooled, id).machines
    pooled.execute(transfer)
    work(pooled, died=('a',))
    [new] = find(pooled, id).machines
    assert new.id == old.id
    assert new.minion != old.minion
    assert new.minion is not None
    # In the ledger it is the pool's, not the transfer's.
    owner = {
        entry.resource.id: entry.transfer_id
        for entry in pooled.parts.database.read(db.ledger.rows)
    }
    assert owner[new.minion.id] == id
    # The audit may remove nothing of it.
    strays = pooled.parts.database.read(lambda s: db.strays.list(s, 'p'))
    assert [one.resource_id for one in strays] == []


def test_a_machine_that_was_not_given_back_is_looked_at(
    pooled: Site,
) -> None:
    transfer = pooled.transfer('a')
    id = allocated(pooled, transfer)
    pooled.execute(transfer)
    pooled.taken()
    while pooled.worker.held:
        for given in list(pooled.worker.held.values()):
            if given.name == 'GiveBack':
                pooled.worker.finish(
                    given, Result(state='failed', message='no answer')
                )
            else:
                do(pooled, given)
        pooled.taken()
    assert states(pooled, id) == ['error']
    [machine] = find(pooled, id).machines
    assert machine.claimed_by is None
    # Nobody gets it before it was looked at.
    with pytest.raises(errors.Conflict, match='1 more are broken'):
        pooled.execute(transfer)
    minion_pools.refresh(pooled.parts, pooled.who, id)
    assert find(pooled, id).state is PoolState.MAINTENANCE
    work(pooled)
    assert states(pooled, id) == ['available']
    assert find(pooled, id).state is PoolState.ALLOCATED


def test_it_is_looked_after_by_itself(pooled: Site) -> None:
    transfer = pooled.transfer('a', 'b')
    id = allocated(
        pooled, transfer, maximum_minions=2, minion_max_idle_time=3600
    )
    pooled.execute(transfer)
    work(pooled)
    assert len(find(pooled, id).machines) == 2
    minion_pools.look_after(pooled.parts)
    assert find(pooled, id).state is PoolState.ALLOCATED

    def shorten(session: Any) -> None:
        for machine in find(pooled, id).machines:
            long_ago = db.now(session).replace(year=2001)
            db.minion_pools.save_machine(
                session,
                msgspec.structs.replace(machine, last_used_at=long_ago),
            )

    pooled.parts.database.write(shorten)
    race(3, lambda _: minion_pools.look_after(pooled.parts))
    assert find(pooled, id).state is PoolState.MAINTENANCE
    work(pooled)
    assert states(pooled, id) == ['available']
    refreshes = [
        e
        for e in pooled.parts.database.read(
            lambda s: db.executions.list(s, id)
        )
        if e.kind is ExecutionKind.POOL_REFRESH
    ]
    assert len(refreshes) == 1


def test_a_forced_deallocation_takes_what_is_used(pooled: Site) -> None:
    transfer = pooled.transfer('a')
    id = allocated(pooled, transfer)
    execution = pooled.execute(transfer)
    do(pooled, pooled.next('TakeFromPool'))
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=True)
    [machine] = find(pooled, id).machines
    assert machine.state is MachineState.DEALLOCATING
    assert machine.claimed_by != execution.id
    done = work(pooled)
    # There was nothing left to take the volumes off.
    [gave] = [g for g in done if g.name == 'GiveBack']
    assert gave.input['minion'] is None
    assert pooled.execution(execution.id).state is not ExecutionState.RUNNING
    assert find(pooled, id).state is PoolState.DEALLOCATED
    # A pool that is gone is said, not looked for.
    minion_pools.delete(pooled.parts, pooled.who, id)
    with pytest.raises(errors.InvalidInput, match='was deleted'):
        pooled.execute(transfer)


def test_an_execution_wants_an_allocated_pool(pooled: Site) -> None:
    transfer = pooled.transfer('a')
    id = allocated(pooled, transfer)
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=False)
    work(pooled)
    with pytest.raises(errors.Conflict, match='allocate it first'):
        pooled.execute(transfer)


def test_a_pool_that_goes_before_its_machine_was_taken(pooled: Site) -> None:
    """The task is told that it cannot be done, and not that it is old."""
    transfer = pooled.transfer('a')
    id = allocated(pooled, transfer)
    execution = pooled.execute(transfer)
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=True)
    [(_, task_id, attempt)] = [
        one
        for one in pooled.bus.starts
        if pooled.row(one[1]).name == 'TakeFromPool'
    ]
    pooled.bus.starts = [one for one in pooled.bus.starts if one[1] != task_id]
    with pytest.raises(errors.Conflict, match='is gone') as refused:
        pooled.worker.take(task_id, attempt)
    # What a worker does then.
    finish.finish(
        pooled.parts,
        task_id,
        attempt,
        Result(state='failed', message=refused.value.message),
    )
    work(pooled)
    assert 'is gone' in pooled.row(task_id).reason
    assert pooled.execution(execution.id).state is ExecutionState.FAILED
    assert pooled.find(transfer.id).busy_with is None
    assert find(pooled, id).state is PoolState.DEALLOCATED


@pytest.mark.parametrize('state', ['done', 'failed'])
def test_a_pool_that_goes_while_its_machine_is_taken(
    pooled: Site, state: str
) -> None:
    transfer = pooled.transfer('a')
    id = allocated(pooled, transfer)
    execution = pooled.execute(transfer)
    given = pooled.next('TakeFromPool')
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=True)
    if state == 'done':
        do(pooled, given)
        assert 'is gone' in pooled.row(given.task_id).reason
    else:
        pooled.worker.fail(given, 'no answer')
        assert pooled.row(given.task_id).reason == 'no answer'
    assert pooled.row(given.task_id).state == 'failed'
    work(pooled)
    assert pooled.execution(execution.id).state is ExecutionState.FAILED
    assert pooled.find(transfer.id).busy_with is None
    assert find(pooled, id).state is PoolState.DEALLOCATED


def test_a_cloud_with_pools_for_one_end_only(pooled: Site) -> None:
    spec = PoolSpec(
        name='readers',
        endpoint_id=endpoint(pooled),
        platform=PoolPlatform.SOURCE,
    )
    with pytest.raises(errors.InvalidInput, match='pools for sources') as no:
        minion_pools.create(pooled.parts, pooled.who, spec)
    assert no.value.field == '$.platform'
