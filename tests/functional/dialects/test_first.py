# SPDX-License-Identifier: Apache-2.0
"""The first generation (2016): ends inline in replicas and migrations, no
endpoints, secrets of Barbican by URL or by id, ``/action``."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.functional.dialects.rest import Json, Rest, refusal
from tests.functional.world import MIB, World, told, wait_until

NIC = {'mac': '52:54:00:00:00:07', 'network': 'VM Network'}
# The example of the project's first public description.
EXAMPLE: Json = {
    'migration': {
        'origin': {
            'type': 'vmware_vsphere',
            'connection_info': {
                'secret_id': 'ebe69d82-da6f-451e-a0f6-3551d0f7ef85'
            },
        },
        'destination': {
            'type': 'openstack',
            'target_environment': {
                'flavor_name': 'm1.small',
                'network_map': {
                    'VM Network': 'private',
                    'VM Network Local': 'public',
                },
            },
        },
        'instances': [
            'CentOS 7',
            'RHEL 7.2',
            'Ubuntu 14.04',
            'WS 2012 R2',
        ],
    }
}


def ends(world: World, **environment: Any) -> Json:
    """Both ends as the first clients send them."""
    return {
        'origin': {
            'type': 'memory',
            'connection_info': world.source.connection_info,
        },
        'destination': {
            'type': 'memory',
            'connection_info': world.destination.connection_info,
            'target_environment': environment or None,
        },
    }


def example(world: World) -> Json:
    """The example with the clouds that there are."""
    given = copy.deepcopy(EXAMPLE)
    body = given['migration']
    body['origin'] = ends(world)['origin']
    environment = body['destination']['target_environment']
    del environment['flavor_name']  # of that platform alone
    body['destination'] = ends(world, **environment)['destination']
    return given


def test_the_example_as_it_stands(world: World, rest: Rest) -> None:
    answer = rest.post('/migrations', EXAMPLE, 400)
    # Understood to the last field; only there is no such cloud here.
    assert 'vmware_vsphere' in refusal(answer, 400, 'badRequest')
    assert answer['error']['field'] == '$.migration.origin.type'
    assert rest.get('/endpoints')['endpoints'] == []
    assert rest.get('/migrations') == {'migrations': []}


def test_the_example_runs(world: World, rest: Rest) -> None:
    given = example(world)
    for name in given['migration']['instances']:
        world.machine(name, MIB, nics=[NIC])
    made = rest.post('/migrations', given)['migration']
    assert made['status'] == 'RUNNING'
    assert made['instances'] == given['migration']['instances']
    id = made['id']
    for url in ('/migrations', '/migrations/detail'):
        [listed] = rest.get(url)['migrations']
        assert listed['id'] == id
        assert listed['instances'] == made['instances']
        assert listed['created_at'] == made['created_at']
    message = refusal(
        rest.delete(f'/migrations/{id}', 409), 409, 'conflictingRequest'
    )
    assert 'running' in message

    done = rest.until_over(f'/migrations/{id}', 'migration')
    assert done['status'] == 'COMPLETED', told(done)
    kinds = {task['task_type'] for task in done['tasks']}
    assert {'GET_INSTANCE_INFO', 'REPLICATE_DISKS'} <= kinds
    assert 'FINALIZE_INSTANCE_DEPLOYMENT' in kinds
    assert {task['instance'] for task in done['tasks']} == set(
        made['instances']
    )
    assert all(task['status'] == 'COMPLETED' for task in done['tasks'])
    copied = [t for t in done['tasks'] if t['task_type'] == 'REPLICATE_DISKS']
    for task in copied:
        assert task['progress_updates'][0]['message']
        assert task['progress_updates'][0]['created_at']
        assert task['depends_on']
    assert set(done['info']) == set(made['instances'])
    # Nobody asked for the source to be switched off.
    assert not [x for x in world.source.log() if x['op'] == 'stop']

    machines = world.destination.left()['machines']
    assert len(machines) == 4
    found = world.destination.call('get_machine', name=machines[0])
    assert [nic['network'] for nic in found['nics']] == ['private']
    rest.delete(f'/migrations/{id}')
    rest.until_gone(f'/migrations/{id}')
    assert world.destination.left()['machines'] == machines
    for machine in machines:
        scrap(world, machine)
    assert rest.get('/endpoints')['endpoints'] == []
    assert rest.get('/deployments')['deployments'] == []


def scrap(world: World, machine: str) -> None:
    """What a user would do with a machine that is not needed any more."""
    disks = world.destination.call('get_machine', name=machine)['disks']
    world.destination.call('drop_machine', id=machine)
    for disk in disks:
        world.destination.call('drop_volume', id=disk['id'])


def test_credentials_are_never_shown(world: World, rest: Rest) -> None:
    world.machine('web', MIB)
    made = rest.post('/replicas', {'replica': inline(world, 'web')})['replica']
    assert made['origin']['type'] == made['destination']['type'] == 'memory'
    password = world.source.connection_info['password']
    shown = rest.call('GET', f'/replicas/{made["id"]}').text
    assert password not in shown
    assert '***' in shown


def inline(world: World, *names: str) -> Json:
    return {**ends(world), 'instances': list(names)}


@pytest.mark.parametrize('word', ['actions', 'action'])
@pytest.mark.parametrize('force', [None, {'force': False}, {'force': True}])
def test_cancel(world: World, rest: Rest, word: str, force: Any) -> None:
    name = world.machine('slow', 4 * MIB)
    world.source.call('test_delay', call='read', seconds=1)
    made = rest.post('/migrations', {'migration': inline(world, name)})
    url = f'/migrations/{made["migration"]["id"]}'
    rest.post(f'{url}/{word}', {'cancel': force}, 204)
    world.source.call('test_calm')
    done = rest.until_over(url, 'migration')
    assert done['status'] == 'CANCELED'
    answer = rest.post(f'{url}/{word}', {'cancel': None}, 409)
    assert 'migration is not running' in refusal(
        answer, 409, 'conflictingRequest'
    )
    # What it had copied goes with it, and nothing else is left.
    rest.delete(url)
    rest.until_gone(url)
    assert world.destination.left() == {}
    assert rest.get('/endpoints')['endpoints'] == []


def test_a_replica(world: World, rest: Rest) -> None:
    name = world.machine('kept', 2 * MIB)
    given = inline(world, name)
    given['destination']['target_environment'] = {'network': 'lan'}
    made = rest.post('/replicas', {'replica': given})['replica']
    id = made['id']
    assert made['executions'] == []
    assert made['destination']['target_environment']['network'] == 'lan'
    assert rest.get('/replicas/detail')['replicas'][0]['id'] == id

    body = {'execution': {'shutdown_instances': False}}
    run = rest.post(f'/replicas/{id}/executions', body)['execution']
    assert run['action_id'] == id
    assert run['status'] == 'RUNNING'
    assert run['tasks']
    url = f'/replicas/{id}/executions/{run["id"]}'
    assert rest.until_over(url, 'execution')['status'] == 'COMPLETED'
    [listed] = rest.get(f'/replicas/{id}/executions')['executions']
    assert listed['tasks']
    [shown] = rest.get(f'/replicas/{id}')['replica']['executions']
    assert (shown['id'], shown['status']) == (run['id'], 'COMPLETED')
    assert set(rest.get(f'/replicas/{id}')['replica']['info']) == {name}

    made = rest.post(
        '/migrations',
        {'migration': {'replica_id': id, 'clone_disks': True, 'force': False}},
    )['migration']
    url = f'/migrations/{made["id"]}'
    done = rest.until_over(url, 'migration')
    assert done['status'] == 'COMPLETED'
    assert done['replica_id'] == id
    assert done['origin']['type'] == 'memory'
    [machine] = world.destination.left()['machines']
    rest.delete(url)
    rest.until_gone(url)
    assert world.destination.left()['machines'] == [machine]
    scrap(world, machine)

    message = refusal(
        rest.delete(f'/replicas/{id}', 409), 409, 'conflictingRequest'
    )
    assert 'delete its disks' in message
    run = rest.post(f'/replicas/{id}/action', {'delete-disks': None})
    url = f'/replicas/{id}/executions/{run["execution"]["id"]}'
    assert rest.until_over(url, 'execution')['status'] == 'COMPLETED'
    rest.delete(f'/replicas/{id}')
    assert rest.get('/endpoints')['endpoints'] == []


def test_an_end_that_others_use_by_now_stays(world: World, rest: Rest) -> None:
    name = world.machine('shared', MIB)
    made = rest.post('/replicas', {'replica': inline(world, name)})['replica']
    given = {
        'origin_endpoint_id': made['origin_endpoint_id'],
        'destination_endpoint_id': made['destination_endpoint_id'],
        'instances': [name],
    }
    other = rest.post('/replicas', {'replica': given})['replica']
    rest.delete(f'/replicas/{made["id"]}')
    assert len(rest.get('/endpoints')['endpoints']) == 2
    rest.delete(f'/replicas/{other["id"]}')
    for one in rest.get('/endpoints')['endpoints']:
        rest.delete(f'/endpoints/{one["id"]}')


@pytest.mark.parametrize(
    ('change', 'field'),
    [
        ({'instances': []}, '$.migration.instances'),
        ({'origin': None}, '$.migration.origin_endpoint_id'),
        ({'destination': None}, '$.migration.destination_endpoint_id'),
        ({'origin_endpoint_id': 'x'}, '$.migration.origin_endpoint_id'),
        ({'replica_id': 'x'}, '$.migration.origin'),
        ({'replication_count': 0}, '$.migration.replication_count'),
        ({'what': 1}, '$.migration.what'),
        (
            {'destination': {'target_environment': {'no such option': 1}}},
            '$.migration.destination.target_environment',
        ),
        (
            {'origin': {'connection_info': {'port': 'x'}}},
            '$.migration.origin.connection_info',
        ),
    ],
    ids=str,
)
def test_what_is_refused_leaves_nothing(
    world: World, rest: Rest, change: Json, field: str
) -> None:
    given = inline(world, 'any')
    for name, value in change.items():
        if isinstance(value, dict):
            given[name] = {**given[name], **value}
        else:
            given[name] = value
    answer = rest.post('/migrations', {'migration': given}, 400)
    refusal(answer, 400, 'badRequest')
    assert answer['error']['field'].startswith(field)
    assert rest.get('/endpoints')['endpoints'] == []
    assert rest.get('/migrations')['migrations'] == []


def test_a_migration_that_fails(world: World, rest: Rest) -> None:
    made = rest.post('/migrations', {'migration': inline(world, 'nobody')})
    url = f'/migrations/{made["migration"]["id"]}'
    done = rest.until_over(url, 'migration')
    assert done['status'] == 'ERROR'
    [failed] = [t for t in done['tasks'] if t['exception_details']]
    assert failed['task_type'] == 'GET_INSTANCE_INFO'
    assert 'nobody' in failed['exception_details']
    rest.delete(url)
    wait_until(
        lambda: not rest.get('/endpoints')['endpoints'], 'the ends to go'
    )
