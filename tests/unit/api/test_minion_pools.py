# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from coriolis_ng.db import api as rows
from coriolis_ng.objects import new_id
from coriolis_ng.objects.minion import Agent, Minion, Ssh
from coriolis_ng.objects.minion_pool import (
    MachineState,
    PoolMachine,
    Power,
)
from tests.unit.api.conftest import Client, Made, World


def body(made: Made, **fields: Any) -> dict[str, Any]:
    return {
        'minion_pool': {
            'name': 'workers',
            'endpoint_id': made.destination['id'],
            'os_type': 'linux',
            'platform': 'destination',
            'environment_options': {'pool': 'fast'},
            'skip_allocation': True,
            **fields,
        }
    }


def create(client: Client, made: Made, **fields: Any) -> Any:
    return client.post('/minion_pools', body(made, **fields))['minion_pool']


def test_create_show_list_update_delete(client: Client, made: Made) -> None:
    one = create(client, made, notes='ours')
    assert (one['name'], one['notes']) == ('workers', 'ours')
    assert one['status'] == 'DEALLOCATED'
    assert one['environment_options'] == {'pool': 'fast'}
    figures = [
        one[name]
        for name in (
            'minimum_minions',
            'maximum_minions',
            'minion_max_idle_time',
            'minion_retention_strategy',
        )
    ]
    assert figures == [1, 1, 1, 'delete']
    assert one['minion_machines'] == one['events'] == []
    assert one['progress_updates'] == []
    assert one['shared_resources'] == {}
    assert one['maintenance_trust_id'] is None
    url = f'/minion_pools/{one["id"]}'
    assert client.get(url)['minion_pool'] == one
    assert client.get('/minion_pools')['minion_pools'] == [one]
    changes = {
        'minion_pool': {
            'maximum_minions': 4,
            'minimum_minions': None,
            'minion_retention_strategy': 'poweroff',
            'notes': None,
            'endpoint_id': made.destination['id'],
        }
    }
    changed = client.put(url, changes)['minion_pool']
    assert changed['maximum_minions'] == 4
    assert changed['minimum_minions'] == 1
    assert changed['minion_retention_strategy'] == 'poweroff'
    assert changed['notes'] is None
    client.delete(url)
    client.get(url, 404)
    client.delete(url, 404)
    client.put(url, changes, 404)


def test_maximum_is_at_least_the_minimum(client: Client, made: Made) -> None:
    one = create(client, made, minimum_minions=3)
    assert one['maximum_minions'] == 3
    none = create(client, made, minimum_minions=0)
    assert (none['minimum_minions'], none['maximum_minions']) == (0, 1)


@pytest.mark.parametrize(
    ('fields', 'field'),
    [
        ({'endpoint_id': 'none'}, 'endpoint_id'),
        ({'platform': 'both'}, 'platform'),
        ({'platform': 'source', 'os_type': 'windows'}, 'os_type'),
        ({'minimum_minions': 3, 'maximum_minions': 2}, 'maximum_minions'),
        ({'minion_max_idle_time': 0}, 'minion_max_idle_time'),
        ({'minion_retention_strategy': 'keep'}, 'minion_retention_strategy'),
        ({'environment_options': {'nope': 1}}, 'environment_options'),
        ({'nope': 1}, 'nope'),
    ],
)
def test_what_is_wrong_is_named(
    client: Client, made: Made, fields: dict[str, Any], field: str
) -> None:
    error = client.post('/minion_pools', body(made, **fields), 400)['error']
    assert error['field'] == f'$.minion_pool.{field}'
    assert client.get('/minion_pools') == {'minion_pools': []}


def test_what_stays(client: Client, made: Made) -> None:
    url = f'/minion_pools/{create(client, made)["id"]}'
    for name, value in (
        ('endpoint_id', made.origin['id']),
        ('platform', 'source'),
    ):
        changes = {'minion_pool': {name: value}}
        error = client.put(url, changes, 400)['error']
        assert error['field'] == f'$.minion_pool.{name}'


def test_actions(client: Client, made: Made) -> None:
    url = f'/minion_pools/{create(client, made)["id"]}'
    for action, value, status in (
        ('allocate', None, 'ALLOCATING_MACHINES'),
        ('refresh', None, 'IN_MAINTENANCE'),
        ('deallocate', {'force': True}, 'DEALLOCATED'),
        ('deallocate', None, 'DEALLOCATED'),
    ):
        answer = client.post(f'{url}/actions', {action: value})
        assert answer['minion_pool']['status'] == status
    client.post(f'{url}/actions', {'nope': None}, 400)
    made_at_once = create(client, made, skip_allocation=None)
    assert made_at_once['status'] == 'ALLOCATING_MACHINES'
    # Only what is deallocated can be changed or deleted.
    url = f'/minion_pools/{made_at_once["id"]}'
    client.put(url, {'minion_pool': {'notes': 'x'}}, 409)
    client.delete(url, 409)


def test_no_key_of_a_machine_is_shown(
    world: World, client: Client, made: Made
) -> None:
    id = create(client, made)['id']
    machine = PoolMachine(
        id=new_id(),
        pool_id=id,
        state=MachineState.IN_USE,
        power=Power.ON,
        minion=Minion(
            id='vm-1',
            ssh=Ssh(host='h', user='u', key='ref-k', host_key='ssh-ed k'),
            agent=Agent(host='h', port=1, credentials='ref-c'),
        ),
        action_id='t1',
    )
    world.database.write(lambda s: rows.minion_pools.add_machine(s, machine))
    world.database.write(lambda s: rows.minion_pools.tell(s, id, 'made one'))
    shown = client.get(f'/minion_pools/{id}')['minion_pool']
    (one,) = shown['minion_machines']
    assert one['allocation_status'] == 'IN_USE'
    assert one['power_status'] == 'POWERED_ON'
    assert one['allocated_action'] == 't1'
    assert one['connection_info']['pkey'] == '***'
    assert 'ref-' not in msgspec.json.encode(shown).decode()
    (event,) = shown['events']
    assert (event['message'], event['level']) == ('made one', 'INFO')


def test_another_project_finds_nothing(
    world: World, client: Client, made: Made
) -> None:
    url = f'/minion_pools/{create(client, made)["id"]}'
    other = world.client(project='p2')
    other.get(url, 404)
    other.put(url, {'minion_pool': {'notes': 'x'}}, 404)
    other.delete(url, 404)
    other.post(f'{url}/actions', {'deallocate': {'force': True}}, 404)
    assert other.get('/minion_pools') == {'minion_pools': []}
    error = other.post('/minion_pools', body(made), 400)['error']
    assert error['field'] == '$.minion_pool.endpoint_id'


def test_options(world: World, client: Client, made: Made) -> None:
    url = f'/endpoints/{made.destination["id"]}'
    names = base64.urlsafe_b64encode(b'["flavor"]').decode()
    for side in ('source', 'destination'):
        asked = f'{url}/{side}-minion-pool-options?options={names}'
        assert client.get(asked) == {
            f'{side}_minion_pool_options': [
                {'name': 'flavor', 'values': ['m1'], 'config_default': None}
            ]
        }
        args = {'side': side, 'names': ['flavor']}
        assert world.conductor.asked[-1] == ('pool_options', args)
    client.get(f'{url}/source-minion-pool-options?options=x', 400)
    other = world.client(project='p2')
    other.get(f'{url}/source-minion-pool-options', 404)
