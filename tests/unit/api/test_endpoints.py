# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from coriolis_ng import errors
from tests.unit.api.conftest import Client, Made, World, endpoint


def b64(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')


def test_credentials_are_never_shown(client: Client) -> None:
    answer = client.post('/endpoints', endpoint('src', description=None))
    made = answer['endpoint']
    assert made['connection_info'] == {'stored': '***'}
    assert made['description'] == ''
    shown = [
        answer,
        client.get(f'/endpoints/{made["id"]}'),
        client.get('/endpoints'),
        client.put(
            f'/endpoints/{made["id"]}',
            {'endpoint': {'connection_info': {'host': 'hunter2'}}},
        ),
    ]
    assert 'hunter2' not in json.dumps(shown)


def test_a_barbican_reference_is_shown(client: Client) -> None:
    url = 'https://barbican/v1/secrets/1'
    given = endpoint('src', connection_info={'secret_ref': url})
    made = client.post('/endpoints', given)['endpoint']
    assert made['connection_info'] == {'secret_ref': url}


@pytest.mark.parametrize(
    ('more', 'field'),
    [
        ({'name': ''}, '$.endpoint.name'),
        ({'name': 'a\nb'}, '$.endpoint.name'),
        ({'name': 'x' * 256}, '$.endpoint.name'),
        ({'name': None}, '$.endpoint.name'),
        ({'connection_info': 'x'}, '$.endpoint.connection_info'),
        (
            {'connection_info': {'stored': '***'}},
            '$.endpoint.connection_info',
        ),
        ({'mapped_regions': ['a', 1]}, '$.endpoint.mapped_regions[1]'),
        ({'colour': 'red'}, '$.endpoint.colour'),
        ({'slots': -1}, '$.endpoint.slots'),
        ({'slots': 'many'}, '$.endpoint.slots'),
        ({'bandwidth_limit': 'fast'}, '$.endpoint.bandwidth_limit'),
        (
            {'bandwidth_limit': {'mb_s': 'fast'}},
            '$.endpoint.bandwidth_limit.mb_s',
        ),
        (
            {'bandwidth_limit': {'mbs': 5}},
            '$.endpoint.bandwidth_limit.mbs',
        ),
        (
            {'bandwidth_limit': [{'from': '08:00', 'mb_s': 1}]},
            '$.endpoint.bandwidth_limit[0].to',
        ),
        (
            {
                'bandwidth_limit': {
                    'profile': [
                        {
                            'from': '08:00',
                            'to': '09:00',
                            'days': 'weekdays',
                            'mb_s': 1,
                        }
                    ]
                }
            },
            '$.endpoint.bandwidth_limit.profile[0].days',
        ),
    ],
)
def test_an_error_names_the_field(
    client: Client, more: dict[str, Any], field: str
) -> None:
    error = client.post('/endpoints', endpoint('n', **more), 400)['error']
    assert error['field'] == field


def test_what_the_conductor_refuses_is_a_field_of_the_body(
    world: World, client: Client, made: Made
) -> None:
    world.conductor.refusals['create'] = errors.InvalidInput(
        'no', field='$.connection_info.host'
    )
    error = client.post('/endpoints', endpoint('n'), 400)['error']
    assert error['field'] == '$.endpoint.connection_info.host'


@pytest.mark.parametrize(
    'name', ['a/b', 'two words', 'ünïcödé', '日本語', '<b>', "'; DROP"]
)
def test_names_of_all_kinds(client: Client, name: str) -> None:
    made = client.post('/endpoints', endpoint(name))['endpoint']
    assert client.get(f'/endpoints/{made["id"]}')['endpoint']['name'] == name


def test_update_and_delete(client: Client, made: Made) -> None:
    one = f'/endpoints/{made.origin["id"]}'
    answer = client.put(one, {'endpoint': {'name': 'new'}})['endpoint']
    assert answer['name'] == 'new'
    assert answer['description'] == made.origin['description']
    error = client.delete(one, 403)['error']
    assert error['fault'] == 'forbidden'
    client.delete(f'/transfers/{made.transfer["id"]}')
    client.delete(one)
    client.get(one, 404)


def test_validation(world: World, client: Client, made: Made) -> None:
    one = f'/endpoints/{made.origin["id"]}/actions'
    ask = {'validate-connection': None}
    assert client.post(one, ask) == {
        'validate-connection': {'valid': True, 'message': None}
    }
    world.conductor.refusals['validate'] = errors.AuthFailed('wrong password')
    assert client.post(one, ask) == {
        'validate-connection': {'valid': False, 'message': 'wrong password'}
    }
    world.conductor.refusals['validate'] = errors.NoWorker('nobody can')
    error = client.post(one, ask, 503)['error']
    assert (error['fault'], error['reason']) == (
        'serviceUnavailable',
        'no_worker',
    )


def test_instances(world: World, client: Client, made: Made) -> None:
    one = f'/endpoints/{made.origin["id"]}/instances'
    env = b64({'pool': 'p'})
    client.get(f'{one}?refresh=True')
    assert world.conductor.asked[-1][1]['refresh'] is True
    answer = client.get(
        f'{one}?limit=5&marker=a%2Fb&name=we&env={env}&refresh=False'
    )
    assert world.conductor.asked[-1] == (
        'instances',
        {'marker': 'a/b', 'limit': 5, 'name': 'we', 'env': {'pool': 'p'}},
    )
    assert answer['instances'] == [
        {
            'id': '4f0c',
            'name': 'web/1 ünïcode',
            'instance_name': 'web/1 ünïcode',
            'num_cpu': 2,
            'memory_mb': 1024,
            'os_type': 'linux',
            'firmware_type': 'EFI',
            'power_state': 'off',
            'guest_id': None,
            'flavor_name': None,
        }
    ]


def test_one_instance(world: World, client: Client, made: Made) -> None:
    name = 'web/1 ünïcode'
    one = f'/endpoints/{made.origin["id"]}/instances/{b64(name)}'
    answer = client.get(one)['instance']
    assert world.conductor.asked[-1] == ('instance', {'name': name})
    (disk,) = answer['devices']['disks']
    assert (disk['id'], disk['size_bytes']) == ('vda', 2**31)
    (nic,) = answer['devices']['nics']
    assert (nic['network_name'], nic['mac_address']) == (
        'lan',
        '52:54:00:00:00:01',
    )
    assert answer['devices']['cdroms'] == []


def test_networks_storage_and_options(
    world: World, client: Client, made: Made
) -> None:
    one = f'/endpoints/{made.origin["id"]}'
    assert client.get(f'{one}/networks')['networks'] == [
        {'id': 'n1', 'name': 'lan', 'bridge': 'br0'}
    ]
    storage = client.get(f'{one}/storage')['storage']
    assert storage['config_default'] == 'pool'
    assert storage['storage_backends'][0]['id'] == 'p1'
    offered = [{'name': 'pool', 'values': ['pool'], 'config_default': None}]
    names = b64(['pool'])
    for side in ('source', 'destination'):
        answer = client.get(f'{one}/{side}-options?options={names}')
        assert answer == {f'{side}_options': offered}
        assert world.conductor.asked[-1][1] == {
            'side': side,
            'names': ['pool'],
        }


@pytest.mark.parametrize(
    ('path', 'field'),
    [
        ('/instances/%21%21', '$.instance'),
        ('/instances/' + b64('x') + '*', '$.instance'),
        ('/instances/_w', '$.instance'),
        ('/networks?env=' + b64('[]'), '$.env'),
        ('/networks?env=' + quote('{}'), '$.env'),
        ('/source-options?options=' + b64('{}'), '$.options'),
        ('/instances?limit=x', '$.limit'),
    ],
)
def test_bad_questions(
    client: Client, made: Made, path: str, field: str
) -> None:
    url = f'/endpoints/{made.origin["id"]}{path}'
    error = client.get(url, 400)['error']
    assert error['field'] == field


def test_an_unknown_instance(world: World, client: Client, made: Made) -> None:
    world.conductor.refusals['instance'] = errors.NotFound('no guest x')
    url = f'/endpoints/{made.origin["id"]}/instances/{b64("x")}'
    assert client.get(url, 404)['error']['message'] == 'no guest x'


def test_a_list_of_endpoints_is_paged_too(client: Client) -> None:
    ids = [
        client.post('/endpoints', endpoint(str(n)))['endpoint']['id']
        for n in range(3)
    ]
    page = client.get(f'/endpoints?limit=1&marker={ids[2]}')['endpoints']
    assert [one['id'] for one in page] == [ids[1]]


WINDOW = {
    'from': '08:00',
    'to': '18:00',
    'days': 'mon-fri',
    'time_zone': 'Europe/Bucharest',
    'mb_s': 50,
}
BARE = {'from': '22:00', 'to': '06:00', 'mb_s': None}


@pytest.mark.parametrize(
    ('said', 'shown'),
    [
        (100, {'mb_s': 100.0, 'profile': []}),
        (0.5, {'mb_s': 0.5, 'profile': []}),
        ([WINDOW], {'mb_s': None, 'profile': [WINDOW]}),
        (
            {'mb_s': 200, 'profile': [WINDOW, BARE]},
            {
                'mb_s': 200,
                'profile': [
                    WINDOW,
                    {**BARE, 'days': '', 'time_zone': 'UTC'},
                ],
            },
        ),
        ({'mb_s': None, 'profile': []}, None),
        (None, None),
    ],
)
def test_limits_of_bandwidth(client: Client, said: Any, shown: Any) -> None:
    given = endpoint('src', bandwidth_limit=said, slots=4)
    made = client.post('/endpoints', given)['endpoint']
    assert (made['bandwidth_limit'], made['slots']) == (shown, 4)
    place = f'/endpoints/{made["id"]}'
    # What is not named stays, and null takes away.
    client.put(place, {'endpoint': {'name': 'other'}})
    kept = client.get(place)['endpoint']
    assert (kept['bandwidth_limit'], kept['slots']) == (shown, 4)
    bare = {'bandwidth_limit': None, 'slots': 0}
    after = client.put(place, {'endpoint': bare})['endpoint']
    assert (after['bandwidth_limit'], after['slots']) == (None, None)
    client.put(place, {'endpoint': {'bandwidth_limit': said}})
    again = client.get(place)['endpoint']
    assert again['bandwidth_limit'] == shown
    # What was shown can be sent back.
    client.put(place, {'endpoint': {'bandwidth_limit': shown}})
    assert client.get(place)['endpoint']['bandwidth_limit'] == shown
