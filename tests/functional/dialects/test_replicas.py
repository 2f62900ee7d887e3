# SPDX-License-Identifier: Apache-2.0
"""The second generation (2017-2024): replicas, their executions and
schedules, and migrations, with the ids of endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.dialects.rest import STAMPS, Json, Rest, refusal
from tests.functional.world import MIB, World, told

# What clients of that time read of a replica and of a migration.
BOTH = STAMPS | {
    'id',
    'user_id',
    'project_id',
    'instances',
    'notes',
    'reservation_id',
    'origin_endpoint_id',
    'destination_endpoint_id',
    'origin_minion_pool_id',
    'destination_minion_pool_id',
    'instance_osmorphing_minion_pool_mappings',
    'source_environment',
    'destination_environment',
    'network_map',
    'storage_mappings',
    'user_scripts',
    'last_execution_status',
    'transfer_result',
    'type',
}
REPLICA = BOTH | {'executions'}
MIGRATION = BOTH | {
    'replica_id',
    'replication_count',
    'shutdown_instances',
    'tasks',
    'status',
}
SCHEDULE = STAMPS | {
    'id',
    'replica_id',
    'schedule',
    'enabled',
    'expiration_date',
    'shutdown_instance',
}


def given(world: World, *names: str, **more: Any) -> Json:
    """What the client of 2407 sends when little is said to it."""
    return {
        'origin_endpoint_id': world.endpoint('source'),
        'destination_endpoint_id': world.endpoint('destination'),
        'source_environment': {'freeze': True},
        'destination_environment': {'network': 'lan'},
        'instances': list(names),
        'network_map': {'green': 'blue'},
        'notes': None,
        'storage_mappings': {},
        'user_scripts': {'global': {}, 'instances': {}},
        **more,
    }


def made(world: World, rest: Rest, *names: str, **more: Any) -> Json:
    body = {'replica': given(world, *names, **more)}
    found: Json = rest.post('/replicas', body)['replica']
    return found


def run(rest: Rest, replica: str, wanted: str = 'COMPLETED') -> Json:
    url = f'/replicas/{replica}/executions'
    body = {'execution': {'shutdown_instances': False}}
    id = rest.post(url, body)['execution']['id']
    done = rest.until_over(f'{url}/{id}', 'execution')
    assert done['status'] == wanted, told(done)
    return done


def test_a_replica_is_made_shown_and_deleted(world: World, rest: Rest) -> None:
    one = made(world, rest, 'vm1', notes='n1')
    assert set(one) >= REPLICA
    assert one['type'] == 'replica'
    assert one['last_execution_status'] == 'UNEXECUTED'
    assert one['notes'] == 'n1'
    assert one['executions'] == []
    assert one['network_map'] == {'green': 'blue'}
    assert one['destination_environment'] == {
        'network': 'lan',
        'network_map': {'green': 'blue'},
        'storage_mappings': {},
    }
    assert one['user_scripts'] == {'global': {}, 'instances': {}}
    url = f'/replicas/{one["id"]}'
    shown = rest.get(url)['replica']
    assert shown.pop('info') == {}
    assert shown == one
    assert rest.get('/replicas')['replicas'] == [one]
    assert rest.get('/replicas/detail')['replicas'] == [one]
    # The same thing under its newer name, and not a migration.
    assert rest.get(f'/transfers/{one["id"]}')['transfer']['notes'] == 'n1'
    refusal(rest.get(f'/migrations/{one["id"]}', 404), 404, 'itemNotFound')
    assert rest.get('/migrations')['migrations'] == []
    rest.delete(url)
    refusal(rest.get(url, 404), 404, 'itemNotFound')
    refusal(rest.delete(url, 404), 404, 'itemNotFound')


def test_a_replica_is_changed(world: World, rest: Rest) -> None:
    one = made(world, rest, 'vm1')
    url = f'/replicas/{one["id"]}'
    change = {
        'replica': {
            'notes': 'other',
            'network_map': {'red': 'blue'},
            'destination_environment': {'set_dhcp': False},
            'user_scripts': {'global': {'linux': '#!/bin/sh'}},
        }
    }
    execution = rest.put(url, change)['execution']
    assert execution['type'] == 'replica_update'
    assert execution['action_id'] == one['id']
    assert execution['status'] == 'COMPLETED'
    shown = rest.get(url)['replica']
    assert shown['notes'] == 'other'
    assert shown['network_map'] == {'green': 'blue', 'red': 'blue'}
    assert shown['destination_environment']['network'] == 'lan'
    assert shown['destination_environment']['set_dhcp'] is False
    assert set(shown['user_scripts']['global']) == {'linux'}
    answer = rest.put(url, {'replica': {'instances': ['vm2']}}, 400)
    refusal(answer, 400, 'badRequest')
    assert answer['error']['field'] == '$.replica.instances'


def test_executions(world: World, rest: Rest) -> None:
    name = world.machine('web', 2 * MIB)
    one = made(world, rest, name)
    url = f'/replicas/{one["id"]}'
    done = run(rest, one['id'])
    assert (done['number'], done['type']) == (1, 'replica_execution')
    assert all('TRANSFER' not in t['task_type'] for t in done['tasks'])
    kinds = {t['task_type'] for t in done['tasks']}
    assert {'DEPLOY_REPLICA_DISKS', 'REPLICATE_DISKS'} <= kinds
    run(rest, one['id'])
    several = rest.get(f'{url}/executions')['executions']
    assert [x['number'] for x in several] == [2, 1]
    assert all(x['tasks'] for x in several)
    assert rest.get(f'{url}/executions/detail')['executions'] == several
    shown = rest.get(url)['replica']
    # Clients take the last one of the list for the newest.
    assert [x['number'] for x in shown['executions']] == [1, 2]
    assert shown['last_execution_status'] == 'COMPLETED'
    assert shown['info'][name]['volumes_info']
    last = f'{url}/executions/{several[0]["id"]}'
    answer = rest.post(f'{last}/actions', {'cancel': {'force': False}}, 409)
    refusal(answer, 409, 'conflictingRequest')
    rest.delete(last)
    assert len(rest.get(f'{url}/executions')['executions']) == 1
    refusal(rest.delete(f'{url}/executions/none', 404), 404, 'itemNotFound')

    gone = rest.post(f'{url}/actions', {'delete-disks': None})['execution']
    assert gone['type'] == 'replica_disks_delete'
    path = f'{url}/executions/{gone["id"]}'
    assert rest.until_over(path, 'execution')['status'] == 'COMPLETED'
    answer = rest.post(f'{url}/actions', {'delete-disks': None}, 409)
    assert 'no disks' in refusal(answer, 409, 'conflictingRequest')
    rest.delete(url)


@pytest.mark.parametrize('force', [False, True])
def test_an_execution_is_cancelled(
    world: World, rest: Rest, force: bool
) -> None:
    name = world.machine('slow', 4 * MIB)
    one = made(world, rest, name)
    world.source.call('test_delay', call='read', seconds=1)
    url = f'/replicas/{one["id"]}/executions'
    id = rest.post(url, {'execution': {}})['execution']['id']
    answer = rest.post(url, {'execution': {}}, 409)
    assert 'busy' in refusal(answer, 409, 'conflictingRequest')
    rest.post(f'{url}/{id}/actions', {'cancel': {'force': force}}, 204)
    done = rest.until_over(f'{url}/{id}', 'execution')
    assert done['status'] == 'CANCELED'


def test_schedules(world: World, rest: Rest) -> None:
    one = made(world, rest, 'vm1')
    url = f'/replicas/{one["id"]}/schedules'
    body = {
        'schedule': {'hour': 4, 'minute': 5},
        'enabled': True,
        'shutdown_instance': False,
        'expiration_date': '2199-01-01T00:00:00Z',
    }
    schedule = rest.post(url, body)['schedule']
    assert set(schedule) >= SCHEDULE
    assert schedule['replica_id'] == one['id']
    assert schedule['schedule'] == {'hour': 4, 'minute': 5}
    id = schedule['id']
    assert rest.get(f'{url}/{id}')['schedule'] == schedule
    assert rest.get(url)['schedules'] == [schedule]
    assert rest.get(f'{url}?show_expired=False')['schedules'] == [schedule]
    body = {'shutdown_instance': True, 'expiration_date': None}
    changed = rest.put(f'{url}/{id}', body)['schedule']
    assert changed['shutdown_instance'] is True
    assert changed['expiration_date'] is None
    assert changed['schedule'] == {'hour': 4, 'minute': 5}
    rest.delete(f'{url}/{id}')
    assert rest.get(url)['schedules'] == []


def test_a_migration_of_a_replica(world: World, rest: Rest) -> None:
    name = world.machine('db', 2 * MIB)
    one = made(world, rest, name, skip_os_morphing=True)
    body = {
        'replica_id': one['id'],
        'clone_disks': True,
        'force': False,
        'skip_os_morphing': True,
        'user_scripts': {'global': {}, 'instances': {}},
    }
    answer = rest.post('/migrations', {'migration': body}, 409)
    assert 'no recovery point' in refusal(answer, 409, 'conflictingRequest')
    run(rest, one['id'])
    migration = rest.post('/migrations', {'migration': body})['migration']
    assert set(migration) >= MIGRATION
    assert migration['type'] == 'migration'
    assert migration['replica_id'] == one['id']
    assert migration['replication_count'] is None
    assert migration['id'] not in {one['id']}
    url = f'/migrations/{migration["id"]}'
    done = rest.until_over(url, 'migration')
    assert done['status'] == done['last_execution_status'] == 'COMPLETED'
    assert set(done['transfer_result']) == {name}
    assert all(t['status'] == 'COMPLETED' for t in done['tasks'])
    [listed] = rest.get('/migrations')['migrations']
    assert listed['id'] == done['id']
    assert 'tasks' not in listed
    # The same thing under its newer name.
    same = rest.get(f'/deployments/{done["id"]}')['deployment']
    assert same['transfer_id'] == one['id']
    answer = rest.post(f'{url}/actions', {'cancel': {'force': False}}, 409)
    refusal(answer, 409, 'conflictingRequest')
    _scrap_all(world)
    rest.delete(url)
    rest.until_gone(url)
    answer = rest.post(
        '/migrations', {'migration': {**body, 'replica_id': 'none'}}, 404
    )
    refusal(answer, 404, 'itemNotFound')


@pytest.mark.parametrize(
    ('count', 'off'), [(1, False), (1, True), (3, False), (3, True)]
)
def test_a_migration(world: World, rest: Rest, count: int, off: bool) -> None:
    name = world.machine('moves', 2 * MIB)
    body = given(
        world,
        name,
        skip_os_morphing=True,
        replication_count=count,
        shutdown_instances=off,
    )
    migration = rest.post('/migrations', {'migration': body})['migration']
    assert migration['status'] == 'RUNNING'
    assert migration['replica_id'] is None
    assert migration['replication_count'] == count
    assert migration['shutdown_instances'] is off
    url = f'/migrations/{migration["id"]}'
    done = rest.until_over(url, 'migration')
    assert done['status'] == 'COMPLETED', told(done)
    copies = [t for t in done['tasks'] if t['task_type'] == 'REPLICATE_DISKS']
    assert len(copies) == count
    assert len({t['index'] for t in done['tasks']}) == len(done['tasks'])
    stops = [x for x in world.source.log() if x['op'] == 'stop']
    assert len(stops) == off
    assert set(done['transfer_result']) == {name}
    # It is no replica.
    assert rest.get('/replicas')['replicas'] == []
    refusal(rest.get(f'/replicas/{done["id"]}', 404), 404, 'itemNotFound')
    # What was copied is the machine now: nothing stays beside it.
    rest.delete(url)
    rest.until_gone(url)
    left = world.destination.left()
    assert {kind: len(ids) for kind, ids in left.items()} == {
        'machines': 1,
        'volumes': 1,
    }
    assert world.ledger() == []
    _scrap_all(world)


def test_a_deleted_migration_leaves_its_machine_whole(
    world: World, rest: Rest
) -> None:
    """A machine that lives on a recovery point keeps it; all else goes, and
    what stays is named as a stray until nothing needs it."""
    name = world.machine('whole', 2 * MIB)
    transfer = world.transfer(
        name, scenario='live_migration', clone_disks=True
    )
    world.run(transfer)
    url = f'/migrations/{transfer}'
    done = rest.until_over(url, 'migration')
    assert done['status'] == 'COMPLETED', told(done)
    assert rest.get('/migrations')['migrations'][0]['id'] == transfer
    [machine] = world.destination.left()['machines']
    rest.delete(url)
    rest.until_gone(url)
    assert rest.get('/migrations')['migrations'] == []
    left = world.destination.left()
    assert left['machines'] == [machine]
    assert len(left['volume_snapshots']) == 1
    _scrap_all(world)
    strays = rest.get('/strays')['strays']
    kinds = sorted(one['kind'] for one in strays)
    assert kinds == ['volume', 'volume_snapshot']
    for one in sorted(strays, key=lambda one: one['kind'], reverse=True):
        rest.delete(f'/strays/{one["id"]}')


def _scrap_all(world: World) -> None:
    """What users do with machines that are not needed any more."""
    for machine in world.destination.left().get('machines', []):
        disks = world.destination.call('get_machine', name=machine)['disks']
        world.destination.call('drop_machine', id=machine)
        for disk in disks:
            world.destination.call('drop_volume', id=disk['id'])
