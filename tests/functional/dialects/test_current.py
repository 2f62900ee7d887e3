# SPDX-License-Identifier: Apache-2.0
"""The current generation: routes, fields and statuses as its released
client and its web GUI know them."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from typing import Any

import pytest

from tests.functional.dialects.rest import STAMPS, Json, Rest, refusal
from tests.functional.world import MIB, World, told

TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}')
ENDPOINT = STAMPS | {
    'id',
    'name',
    'type',
    'description',
    'connection_info',
    'mapped_regions',
    'user_id',
    'project_id',
}
ACTION = STAMPS | {
    'base_id',
    'id',
    'type',
    'user_id',
    'project_id',
    'instances',
    'reservation_id',
    'notes',
    'origin_endpoint_id',
    'destination_endpoint_id',
    'transfer_result',
    'network_map',
    'storage_mappings',
    'source_environment',
    'destination_environment',
    'last_execution_status',
    'origin_minion_pool_id',
    'destination_minion_pool_id',
    'instance_osmorphing_minion_pool_mappings',
    'user_scripts',
    'clone_disks',
    'skip_os_morphing',
    'clustered',
}
TRANSFER = ACTION | {'scenario', 'executions'}
DEPLOYMENT = ACTION | {
    'transfer_id',
    'transfer_scenario_type',
    'deployer_id',
    'tasks',
}
EXECUTION = STAMPS | {'id', 'action_id', 'status', 'number', 'type', 'tasks'}
TASK = STAMPS | {
    'id',
    'execution_id',
    'instance',
    'host',
    'process_id',
    'status',
    'task_type',
    'exception_details',
    'depends_on',
    'index',
    'on_error',
    'events',
    'progress_updates',
}
UPDATE = STAMPS | {
    'id',
    'task_id',
    'index',
    'current_step',
    'total_steps',
    'message',
}
SERVICE = STAMPS | {
    'id',
    'host',
    'binary',
    'topic',
    'enabled',
    'status',
    'providers',
    'specs',
    'mapped_regions',
}
DIAGNOSTICS = {
    'application',
    'hostname',
    'ip_addresses',
    'packages',
    'os_info',
    'architecture',
}
DEVICES = {
    'disks',
    'cdroms',
    'nics',
    'serial_ports',
    'floppies',
    'controllers',
}


def packed(value: Any) -> str:
    """Into a query: text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode()


def new(world: World, *names: str, **more: Any) -> Json:
    """What the client sends when little is said to it."""
    return {
        'origin_endpoint_id': world.endpoint('source'),
        'destination_endpoint_id': world.endpoint('destination'),
        'destination_environment': {'network': 'lan'},
        'instances': list(names),
        'scenario': 'replica',
        'network_map': {'green': 'blue'},
        'notes': None,
        'storage_mappings': {},
        'user_scripts': {'global': {}, 'instances': {}},
        'clone_disks': None,
        'skip_os_morphing': None,
        **more,
    }


def transfer(world: World, rest: Rest, *names: str, **more: Any) -> Json:
    body = {'transfer': new(world, *names, **more)}
    found: Json = rest.post('/transfers', body)['transfer']
    return found


def test_endpoints(world: World, rest: Rest) -> None:
    body: Json = {
        'name': 'here',
        'type': 'memory',
        'description': None,
        'connection_info': world.source.connection_info,
        'mapped_regions': [],
    }
    one = rest.post('/endpoints', {'endpoint': body})['endpoint']
    assert set(one) >= ENDPOINT
    assert TIME.fullmatch(one['created_at'])
    assert (one['deleted'], one['deleted_at']) == ('0', None)
    url = f'/endpoints/{one["id"]}'
    assert rest.get(url)['endpoint'] == one
    assert rest.get('/endpoints')['endpoints'] == [one]
    refusal(rest.get('/endpoints/detail', 404), 404, 'itemNotFound')
    refusal(rest.get('/endpoints/notauuid', 404), 404, 'itemNotFound')
    changed = rest.put(url, {'endpoint': {'description': 'd'}})['endpoint']
    assert changed['description'] == 'd'
    assert changed['name'] == 'here'
    action = {'validate-connection': None}
    said = rest.post(f'{url}/actions', action)['validate-connection']
    assert said == {'valid': True, 'message': None}
    info = {**world.source.connection_info, 'password': 'wrong'}
    rest.put(url, {'endpoint': {'connection_info': info}})
    said = rest.post(f'{url}/actions', action)['validate-connection']
    assert said['valid'] is False
    assert said['message']
    rest.delete(url)


def test_what_an_endpoint_offers(world: World, rest: Rest) -> None:
    for name in ('b', 'a', 'DC/folder/ünï'):
        world.machine(name, MIB)
    url = f'/endpoints/{world.endpoint("source")}'
    several = rest.get(f'{url}/instances?env={packed({})}')['instances']
    assert {one['name'] for one in several} == {'a', 'b', 'DC/folder/ünï'}
    for one in several:
        assert isinstance(one['num_cpu'], int)
        assert isinstance(one['memory_mb'], int)
        assert one['os_type'] == 'linux'
        assert one['firmware_type'] in {'BIOS', 'EFI'}
        assert {'id', 'instance_name', 'flavor_name'} <= set(one)
    first = rest.get(f'{url}/instances?limit=2&refresh=True')['instances']
    then = rest.get(f'{url}/instances?limit=2&marker={first[-1]["id"]}')
    assert [*first, *then['instances']] == several
    found = rest.get(f'{url}/instances?name=ünï')['instances']
    assert [one['name'] for one in found] == ['DC/folder/ünï']
    found = rest.get(f'{url}/instances?name=^[ab]$&limit=1')['instances']
    assert [one['name'] for one in found] == ['a']
    assert rest.get(f'{url}/instances?name=(')['instances'] == []
    one = rest.get(f'{url}/instances/{packed("DC/folder/ünï")}')['instance']
    assert set(one['devices']) == DEVICES
    assert one['nested_virtualization'] is False
    [disk] = one['devices']['disks']
    assert disk['size_bytes'] == MIB
    refusal(rest.get(f'{url}/instances/%25', 400), 400, 'badRequest')
    answer = rest.get(f'{url}/instances/{packed("none")}', 404)
    refusal(answer, 404, 'itemNotFound')

    networks = rest.get(f'{url}/networks')['networks']
    assert all({'id', 'name'} <= set(one) for one in networks)
    assert networks
    storage = rest.get(f'{url}/storage?env={packed({})}')['storage']
    assert {'id', 'name'} <= set(storage['storage_backends'][0])
    options = rest.get(f'{url}/source-options')['source_options']
    assert [one['name'] for one in options] == ['freeze']
    asked = f'{url}/destination-options?options={packed(["network"])}'
    [option] = rest.get(asked)['destination_options']
    assert set(option) == {'name', 'values', 'config_default'}
    for query in ('env=%25', f'env={packed([])}', f'options={packed({})}'):
        answer = rest.get(f'{url}/destination-options?{query}', 400)
        refusal(answer, 400, 'badRequest')


def test_the_inventory(world: World, rest: Rest) -> None:
    for name in ('b', 'a', '=1+1'):
        world.machine(name, MIB, 2 * MIB)
    url = f'/endpoints/{world.endpoint("source")}/inventory'
    answer = rest.call('GET', url, Accept='text/csv')
    assert answer.headers['Content-Type'].startswith('text/csv')
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row['id'] for row in table] == sorted(row['id'] for row in table)
    # No spreadsheet may take a name for a formula.
    assert {row['name'] for row in table} == {'a', 'b', "'=1+1"}
    assert {row['disk_size_bytes'] for row in table} == {str(3 * MIB)}
    plain = rest.call('GET', url, Accept='application/json')
    assert plain.json() == answer.text
    assert rest.call('GET', url).text == answer.text
    answer = rest.call('GET', f'{url}?env=%25', status=400, Accept='text/csv')
    refusal(answer.json(), 400, 'badRequest')


def test_providers(world: World, rest: Rest) -> None:
    types = rest.get('/providers')['providers']['memory']['types']
    assert {4, 8, 16, 32, 128, 512, 32768, 131072, 2097152} <= set(types)
    for number, name in (
        (16, 'connection_info_schema'),
        (8, 'source_environment_schema'),
        (4, 'destination_environment_schema'),
    ):
        found = rest.get(f'/providers/memory/schemas/{number}')['schemas']
        assert found[name]['type'] == 'object'
    for path in ('none/schemas/16', 'memory/schemas/3', 'memory/schemas/x'):
        answer = rest.get(f'/providers/{path}', 404)
        assert 'not found' in refusal(answer, 404, 'itemNotFound')


def test_a_transfer(world: World, rest: Rest) -> None:
    one = transfer(world, rest, 'vm1', notes='n1')
    assert set(one) >= TRANSFER
    assert one['base_id'] == one['id']
    assert (one['type'], one['scenario']) == ('transfer', 'replica')
    assert one['last_execution_status'] == 'UNEXECUTED'
    assert one['destination_environment'] == {
        'network': 'lan',
        'network_map': {'green': 'blue'},
        'storage_mappings': {},
    }
    # Null is the default of both.
    assert (one['clone_disks'], one['skip_os_morphing']) == (True, False)
    assert one['user_scripts'] == {'global': {}, 'instances': {}}
    assert one['executions'] == []
    assert 'info' not in one
    url = f'/transfers/{one["id"]}'
    assert rest.get(url)['transfer'] == one
    assert rest.get(f'{url}?include_task_info=true')['transfer']['info'] == {}
    answer = rest.put(url, {'transfer': {'notes': 'n2'}})
    assert answer['execution']['type'] == 'transfer_update'
    assert answer['execution']['number'] == 1
    for name, value in (('instances', ['vm2']), ('scenario', 'x')):
        answer = rest.put(url, {'transfer': {name: value}}, 400)
        assert 'cannot be updated' in refusal(answer, 400, 'badRequest')
    rest.delete(url)


@pytest.mark.parametrize(
    ('change', 'field'),
    [
        ({'scenario': 'other'}, '$.transfer.scenario'),
        ({'instances': []}, '$.transfer.instances'),
        ({'instances': ['a', 'a']}, '$.transfer.instances[1]'),
        ({'origin_endpoint_id': 'none'}, '$.transfer.origin_endpoint_id'),
        (
            {'destination_environment': {'nope': 1}},
            '$.transfer.destination_environment',
        ),
        (
            {'user_scripts': {'global': {'beos': 'x'}}},
            '$.transfer.user_scripts.global',
        ),
        (
            {'storage_mappings': {'other': 1}},
            '$.transfer.storage_mappings.other',
        ),
    ],
    ids=str,
)
def test_a_transfer_is_refused(
    world: World, rest: Rest, change: Json, field: str
) -> None:
    body = {'transfer': new(world, 'vm1', **change)}
    answer = rest.post('/transfers', body, 400)
    refusal(answer, 400, 'badRequest')
    assert answer['error']['field'].startswith(field)


def test_from_an_execution_to_a_deployment(world: World, rest: Rest) -> None:
    name = world.machine('web', 2 * MIB)
    one = transfer(world, rest, name, skip_os_morphing=True)
    url = f'/transfers/{one["id"]}'
    body = {'deployment': {'transfer_id': one['id'], 'clone_disks': True}}
    answer = rest.post('/deployments', body, 409)
    refusal(answer, 409, 'conflictingRequest')
    execution = rest.post(f'{url}/executions', {})['execution']
    assert execution['status'] == 'RUNNING'
    done = rest.until_over(f'{url}/executions/{execution["id"]}', 'execution')
    assert done['status'] == 'COMPLETED', told(done)
    assert set(done) >= EXECUTION
    assert (done['number'], done['type']) == (1, 'transfer_execution')
    for task in done['tasks']:
        assert set(task) >= TASK
        for update in task['progress_updates']:
            assert set(update) >= UPDATE
    assert [t['index'] for t in done['tasks']] == sorted(
        t['index'] for t in done['tasks']
    )
    several = rest.get(
        f'{url}/executions?limit=10&sort_key=number&sort_dir=desc'
    )['executions']
    assert [x['id'] for x in several] == [done['id']]
    assert several[0]['tasks']

    body['deployment'] |= {
        'force': False,
        'skip_os_morphing': True,
        'user_scripts': {'global': {}, 'instances': {}},
        'instance_osmorphing_minion_pool_mappings': None,
    }
    made = rest.post('/deployments', body)['deployment']
    path = f'/deployments/{made["id"]}'
    found = rest.until_over(path, 'deployment', 'last_execution_status')
    assert found['last_execution_status'] == 'COMPLETED', told(found)
    assert set(found) >= DEPLOYMENT
    assert found['type'] == 'deployment'
    assert found['transfer_id'] == one['id']
    assert found['transfer_scenario_type'] == 'replica'
    assert 'executions' not in found
    assert found['transfer_result'][name]['devices']['disks']
    # Read by clients that do not ask for it.
    assert name in found['info']
    [listed] = rest.get('/deployments?status=COMPLETED')['deployments']
    assert listed['executions'] == []
    assert 'tasks' not in listed
    answer = rest.post(f'{path}/actions', {'cancel': None}, 409)
    refusal(answer, 409, 'conflictingRequest')
    rest.delete(path)
    for machine in world.destination.left()['machines']:
        disks = world.destination.call('get_machine', name=machine)['disks']
        world.destination.call('drop_machine', id=machine)
        for disk in disks:
            world.destination.call('drop_volume', id=disk['id'])


def test_services_and_diagnostics(world: World, rest: Rest) -> None:
    services = rest.get('/services')['services']
    workers = [x for x in services if x['binary'] == 'coriolis-worker']
    for one in services:
        assert set(one) >= SERVICE
        assert rest.get(f'/services/{one["id"]}')['service']['id'] == one['id']
    worker = workers[0]
    assert 4 in worker['providers']['memory']['types']
    assert worker['status'] == 'UP'
    url = f'/services/{worker["id"]}'
    for enabled in (False, True):
        body: Json = {'service': {'enabled': enabled, 'mapped_regions': []}}
        assert rest.put(url, body)['service']['enabled'] is enabled
    refusal(rest.delete(url, 409), 409, 'conflictingRequest')
    known = {'host': worker['host'], 'binary': worker['binary']}
    body = {'service': {**known, 'topic': worker['topic'], 'enabled': True}}
    assert rest.post('/services', body)['service']['id'] == worker['id']
    several = rest.get('/diagnostics')['diagnostics']
    assert all(set(one) == DIAGNOSTICS for one in several)
    # Each process once: the known system lists workers twice.
    seen = [(one['application'], one['hostname']) for one in several]
    assert len(seen) == len(set(seen))


def test_actions_hold_one_known_key(world: World, rest: Rest) -> None:
    url = f'/transfers/{transfer(world, rest, "vm1")["id"]}/actions'
    answer = rest.post(url, {'delete-disks': None, 'x': None}, 400)
    assert 'Malformed request body' in refusal(answer, 400, 'badRequest')
    answer = rest.post(url, {'nope': None}, 400)
    message = refusal(answer, 400, 'badRequest')
    assert message == 'There is no such action: nope'


def test_what_is_not_routed(rest: Rest) -> None:
    for verb, path in (
        ('GET', '/nope'),
        ('GET', ''),
        ('PATCH', '/endpoints/x'),
        ('PUT', '/endpoints'),
        ('DELETE', '/transfers'),
        ('POST', '/providers'),
    ):
        answer = rest.call(verb, path, status=404)
        refusal(answer.json(), 404, 'itemNotFound')
        assert answer.headers['x-openstack-request-id'].startswith('req-')
        assert answer.headers['x-compute-request-id'].startswith('req-')


def test_lists(world: World, rest: Rest) -> None:
    ids = [transfer(world, rest, f'vm{n}')['id'] for n in range(3)]

    def listed(query: str) -> list[str]:
        found = rest.get(f'/transfers?{query}')['transfers']
        return [one['id'] for one in found]

    newest = ids[::-1]
    assert listed('') == newest
    assert listed('limit=2') == newest[:2]
    assert listed(f'limit=2&marker={newest[1]}') == newest[2:]
    assert listed('sort_key=created_at&sort_dir=asc') == ids
    # One key without a direction is what people type.
    assert listed('sort_key=created_at') == newest
    assert listed('sort_key=updated_at&sort_dir=desc&limit=9') != []
    # Names that only one of the clients ever used.
    assert listed('sort_keys=number&sort_dirs=desc&show_deleted=True') == (
        newest
    )
    assert listed('status=COMPLETED') == []
    for query in ('limit=-1', 'limit=0', 'limit=abc', 'marker=none'):
        answer = rest.get(f'/transfers?{query}', 400)
        refusal(answer, 400, 'badRequest')
