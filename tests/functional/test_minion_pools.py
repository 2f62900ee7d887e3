# SPDX-License-Identifier: Apache-2.0
"""Minion pools: allocated, lent, healed, retired, deallocated."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import MIB, World, notes, told, wait_until

Json = dict[str, Any]


@contextlib.contextmanager
def pool(world: World, **more: Any) -> Iterator[Json]:
    """An allocated pool at the destination; nothing of it stays."""
    pools = world.client.minion_pools
    made = pools.create(
        name='writers',
        endpoint_id=world.endpoint('destination'),
        platform='destination',
        os_type='linux',
        environment_options={'memory': 512},
        **{'minion_max_idle_time': 3600, **more},
    )
    try:
        yield settled(world, made.id, 'ALLOCATED')
    finally:
        remove(world, made.id)


def settled(world: World, id: str, wanted: str) -> Json:
    """The pool when nothing of it changes any more."""

    def still() -> Any:
        found = world.client.minion_pools.get(id)
        return found if found.busy_with is None else None

    found: Json = wait_until(still, f'end of what the pool {id} does')
    assert found['status'] == wanted, found['events']
    return found


def remove(world: World, id: str) -> None:
    pools = world.client.minion_pools

    def gone() -> bool:
        with contextlib.suppress(ApiError):
            if pools.get(id).status != 'DEALLOCATED':
                pools.deallocate(id, force=True)
        return pools.get(id).status == 'DEALLOCATED'

    wait_until(gone, f'deallocation of {id}')
    pools.delete(id)


def vms(world: World) -> list[str]:
    """Worker machines in the destination."""
    return [*world.destination.left().get('machines', [])]


def test_made_and_removed(world: World) -> None:
    with pool(world, minimum_minions=2, maximum_minions=3) as made:
        machines = made['minion_machines']
        assert [m['allocation_status'] for m in machines] == ['AVAILABLE'] * 2
        assert [m['power_status'] for m in machines] == ['POWERED_ON'] * 2
        assert len(vms(world)) == 2
        with pytest.raises(ApiError) as caught:
            world.client.minion_pools.delete(made['id'])
        assert caught.value.status == 409
        with pytest.raises(ApiError) as caught:
            world.client.endpoints.delete(world.endpoint('destination'))
        assert caught.value.status == 403
    assert vms(world) == []
    assert world.ledger() == []


def test_replication_through_a_pool(world: World) -> None:
    name = world.machine('pooled', MIB, MIB)
    with pool(world) as made:
        [before] = made['minion_machines']
        transfer = world.transfer(name, destination_minion_pool_id=made['id'])
        begin = len(world.destination.log())
        for _ in range(2):
            world.fill(name, 0, 0, MIB)
            done = world.run(transfer)
            assert any('of the pool is used' in n for n in notes(done))
            world.check_same(world.points(transfer)[0], name)
        lines = world.destination.log()[begin:]
        created = [x for x in lines if x['op'] == 'create']
        # No machine was made, and both disks came and went each time.
        assert not [x for x in created if x['kind'] == 'machine']
        ops = [x['op'] for x in lines if x['op'] in {'attach', 'detach'}]
        assert ops == ['attach', 'detach'] * 2
        [after] = settled(world, made['id'], 'ALLOCATED')['minion_machines']
        assert after['id'] == before['id']
        assert after['provider_properties'] == before['provider_properties']
        assert after['allocation_status'] == 'AVAILABLE'
        assert after['allocated_action'] is None
        assert after['last_used_at'] is not None
        world.delete(transfer)


def test_guests_are_adapted_in_a_pool(world: World) -> None:
    name = world.machine('adapted', MIB)
    with pool(world) as made:
        transfer = world.transfer(
            name,
            skip_os_morphing=False,
            instance_osmorphing_minion_pool_mappings={name: made['id']},
        )
        world.run(transfer)
        [machine] = settled(world, made['id'], 'ALLOCATED')['minion_machines']
        begin = len(world.destination.log())
        done = world.deploy(transfer, purpose='test')
        assert any('of the pool is used' in n for n in notes(done))
        lines = world.destination.log()[begin:]
        vm = machine['provider_properties']['id']
        ops = [
            line['op']
            for line in lines
            if line.get('id') == vm and line['op'] in {'attach', 'detach'}
        ]
        # Off it again before the new machine has them.
        assert ops == ['attach', 'detach']
        [after] = settled(world, made['id'], 'ALLOCATED')['minion_machines']
        assert after['allocation_status'] == 'AVAILABLE'
        assert after['power_status'] == 'POWERED_ON'
        world.undeploy(done['id'])
        world.delete(transfer)


def test_idle_machines_are_off_until_they_are_claimed(world: World) -> None:
    name = world.machine('idle', MIB)
    with pool(
        world,
        minimum_minions=0,
        maximum_minions=1,
        minion_max_idle_time=1,
        minion_retention_strategy='poweroff',
    ) as made:
        assert made['minion_machines'] == []
        transfer = world.transfer(name, destination_minion_pool_id=made['id'])
        for round_ in range(2):
            world.run(transfer)

            def off() -> bool:
                found = world.client.minion_pools.get(made['id'])
                states = [m['power_status'] for m in found['minion_machines']]
                return states == ['POWERED_OFF'] and not found.busy_with

            wait_until(off, f'the end of idleness in round {round_}')
            [vm] = vms(world)
            seen = world.destination.call('get_machine', name=vm)
            assert seen['power'] == 'off'
        world.delete(transfer)


def test_a_dead_machine_is_made_anew(world: World) -> None:
    name = world.machine('healed', MIB)
    with pool(world) as made:
        [dead] = vms(world)
        transfer = world.transfer(name, destination_minion_pool_id=made['id'])
        world.destination.call('drop_machine', id=dead)
        done = world.run(transfer)
        assert any('died' in note for note in notes(done)), told(done)
        [alive] = vms(world)
        assert alive != dead
        # By hand as well, and without any execution.
        world.destination.call('drop_machine', id=alive)
        world.client.minion_pools.refresh(made['id'])
        settled(world, made['id'], 'ALLOCATED')
        [third] = vms(world)
        assert third not in {dead, alive}
        world.delete(transfer)


def test_it_grows_and_shrinks(world: World) -> None:
    names = [world.machine(f'many{n}', MIB) for n in range(2)]
    with pool(world, maximum_minions=2, minion_max_idle_time=1) as made:
        transfer = world.transfer(
            *names, destination_minion_pool_id=made['id']
        )
        world.run(transfer)
        wait_until(
            lambda: len(vms(world)) == 1, 'removal of the second machine'
        )
        settled(world, made['id'], 'ALLOCATED')
        third = world.transfer(
            *names,
            world.machine('too many', MIB),
            destination_minion_pool_id=made['id'],
        )
        with pytest.raises(ApiError) as caught:
            world.start(third)
        assert caught.value.status == 409
        assert '2 at most' in caught.value.message
        world.delete(third)
        world.delete(transfer)


def test_a_pool_of_another_cloud_is_refused(world: World) -> None:
    name = world.machine('elsewhere', MIB)
    made = world.client.minion_pools.create(
        name='readers',
        endpoint_id=world.endpoint('source'),
        platform='destination',
        os_type='linux',
        environment_options={},
        skip_allocation=True,
    )
    try:
        with pytest.raises(ApiError) as caught:
            world.transfer(name, destination_minion_pool_id=made.id)
        assert caught.value.field == '$.transfer.destination_minion_pool_id'
        world.endpoint('destination')
    finally:
        world.client.minion_pools.delete(made.id)


def test_options(world: World) -> None:
    endpoint = world.endpoint('destination')
    told_ = world.client.endpoints.api.ask(
        'GET', f'/endpoints/{endpoint}/destination-minion-pool-options'
    )
    assert told_['destination_minion_pool_options'] == [
        {'name': 'memory', 'values': [256, 512, 1024], 'config_default': 256}
    ]
