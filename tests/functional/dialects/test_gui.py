# SPDX-License-Identifier: Apache-2.0
"""What the public web GUI asks for, screen by screen, with the headers and
the parameters of a browser."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.functional.dialects.rest import Json, Rest
from tests.functional.world import MIB, World

ENV = base64.urlsafe_b64encode(json.dumps({'network': 'lan'}).encode())


def test_endpoints_screen(world: World, rest: Rest) -> None:
    world.endpoint('source')
    world.endpoint('destination')
    providers = rest.get('/providers')['providers']
    for platform, told in providers.items():
        # The form is drawn from these; what is not there is not asked for.
        for number in (4, 8, 16, 524288, 1048576):
            if number not in told['types']:
                continue
            found = rest.get(f'/providers/{platform}/schemas/{number}')
            [schema] = found['schemas'].values()
            assert schema['properties'] is not None
    for one in rest.get('/endpoints')['endpoints']:
        assert one['connection_info']
        said = rest.post(
            f'/endpoints/{one["id"]}/actions', {'validate-connection': None}
        )
        assert said['validate-connection']['valid'] is True
    assert rest.get('/regions')['regions'] is not None


def test_wizard(world: World, rest: Rest) -> None:
    """Choose machines, options, networks and storage; make a transfer."""
    for number in range(5):
        world.machine(f'vm{number}', MIB)
    origin = f'/endpoints/{world.endpoint("source")}'
    target = f'/endpoints/{world.endpoint("destination")}'
    chunk, seen = 2, []
    marker = ''
    while True:
        several = rest.get(f'{origin}/instances?limit={chunk}{marker}')
        seen += several['instances']
        if len(several['instances']) < chunk:
            break
        marker = f'&marker={seen[-1]["id"]}'
    assert [one['name'] for one in seen] == [f'vm{n}' for n in range(5)]
    name = base64.urlsafe_b64encode(seen[0]['name'].encode()).decode()
    devices = rest.get(f'{origin}/instances/{name}')['instance']['devices']
    assert devices['disks']
    env = ENV.decode()
    for path, key in (
        (f'{origin}/source-options', 'source_options'),
        (f'{target}/destination-options', 'destination_options'),
        (f'{target}/destination-options?env={env}', 'destination_options'),
    ):
        for option in rest.get(path)[key]:
            assert isinstance(option['values'], list)
            assert 'config_default' in option
    networks = rest.get(f'{target}/networks?env={env}')['networks']
    backends = rest.get(f'{target}/storage?env={env}')['storage']
    body: Json = {
        'transfer': {
            'scenario': 'replica',
            'origin_endpoint_id': origin.rsplit('/', 1)[1],
            'destination_endpoint_id': target.rsplit('/', 1)[1],
            'source_environment': {},
            'destination_environment': {
                'network': 'lan',
                'network_map': {'green': networks[0]['id']},
                'storage_mappings': {
                    'default': backends['storage_backends'][0]['id']
                },
            },
            'network_map': {'green': networks[0]['id']},
            'instances': ['vm0', 'vm1'],
            'storage_mappings': {
                'default': backends['storage_backends'][0]['id'],
                'backend_mappings': [],
                'disk_mappings': [],
            },
            'notes': '',
            'user_scripts': {},
            'clone_disks': True,
            'skip_os_morphing': False,
        }
    }
    made = rest.post('/transfers', body)['transfer']
    assert made['notes'] == ''
    assert made['storage_mappings'] == {
        'default': backends['storage_backends'][0]['id']
    }


def test_transfer_screens(world: World, rest: Rest) -> None:
    name = world.machine('web', 2 * MIB)
    id = world.transfer(name)
    url = f'/transfers/{id}'
    order = 'sort_key=updated_at&sort_dir=desc&limit=10'
    assert [x['id'] for x in rest.get(f'/transfers?{order}')['transfers']] == [
        id
    ]
    body: Any = {'execution': {'shutdown_instances': False}}
    execution = rest.post(f'{url}/executions', body)['execution']
    path = f'{url}/executions/{execution["id"]}'
    # Its lists of executions spell the order as no server ever read it.
    several = rest.get(f'{url}/executions?sort_keys=number&sort_dirs=desc')
    assert several['executions'][0]['id'] == execution['id']
    assert rest.until_over(path, 'execution')['status'] == 'COMPLETED'
    # An answer that was loaded comes back with what was changed in it.
    loaded = rest.get(f'{url}?include_task_info=true')['transfer']
    devices = loaded['info'][name]['export_info']['devices']
    assert devices['disks'][0]['id']
    assert isinstance(devices['nics'], list)
    changes = {
        'source_environment': loaded['source_environment'],
        'destination_environment': loaded['destination_environment'],
        'network_map': loaded['network_map'],
        'storage_mappings': loaded['storage_mappings'],
        'notes': 'from the editor',
        'clone_disks': True,
        'skip_os_morphing': True,
    }
    answer = rest.put(url, {'transfer': changes})['execution']
    assert answer['type'] == 'transfer_update'
    assert rest.get(url)['transfer']['notes'] == 'from the editor'

    slow = rest.post(f'{url}/executions', body)['execution']['id']
    path = f'{url}/executions/{slow}'
    rest.post(f'{path}/actions', {'cancel': {'force': True}}, 204)
    rest.until_over(path, 'execution')
    rest.delete(path)

    body = {
        'deployment': {
            'transfer_id': id,
            'clone_disks': True,
            'force': False,
            'skip_os_morphing': True,
            'user_scripts': {},
            'instance_osmorphing_minion_pool_mappings': None,
        }
    }
    made = rest.post('/deployments', body)['deployment']
    path = f'/deployments/{made["id"]}'
    done = rest.until_over(path, 'deployment', 'last_execution_status')
    assert done['transfer_result'][name]['instance_name']
    [listed] = rest.get(f'/deployments?{order}')['deployments']
    assert listed['id'] == made['id']
    rest.delete(path)
    for machine in world.destination.left()['machines']:
        disks = world.destination.call('get_machine', name=machine)['disks']
        world.destination.call('drop_machine', id=machine)
        for disk in disks:
            world.destination.call('drop_volume', id=disk['id'])


def test_schedule_screen(world: World, rest: Rest) -> None:
    url = f'/transfers/{world.transfer("vm1")}/schedules'
    body = {
        'schedule': {'hour': 0, 'minute': 0},
        'enabled': False,
        'shutdown_instance': False,
        'auto_deploy': False,
        'expiration_date': None,
    }
    made = rest.post(url, body)['schedule']
    one = f'{url}/{made["id"]}'
    for change in (
        {'schedule': {'hour': 0, 'minute': 30, 'dow': 6}},
        {'enabled': True},
        {'shutdown_instance': True},
        {'expiration_date': '2199-01-01T00:00:00.000Z'},
        {'expiration_date': None},
    ):
        found = rest.put(one, change)['schedule']
        if 'expiration_date' not in change:
            assert {name: found[name] for name in change} == change
    assert rest.get(url)['schedules'][0]['expiration_date'] is None
    rest.delete(one)
