# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

import pytest

from coriolis_ng import errors
from tests.unit.api.conftest import Client, Made, World

TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}')


def body(made: Any, **more: Any) -> dict[str, Any]:
    return {
        'transfer': {
            'origin_endpoint_id': made.origin['id'],
            'destination_endpoint_id': made.destination['id'],
            'instances': ['vm1'],
            **more,
        }
    }


def test_create_gives_every_field_of_the_dialect(
    client: Client, made: Made
) -> None:
    answer = client.post(
        '/transfers',
        body(
            made,
            network_map={'lan': 'wan'},
            storage_mappings={
                'default': 'fast',
                'disk_mappings': [{'disk_id': 'vda', 'destination': 'slow'}],
            },
            destination_environment={'pool': 'p'},
            notes='n1',
            keep_points=5,
        ),
    )['transfer']
    assert TIME.fullmatch(answer.pop('created_at'))
    mappings = {
        'default': 'fast',
        'disk_mappings': [{'disk_id': 'vda', 'destination': 'slow'}],
    }
    assert answer == {
        'id': answer['id'],
        'base_id': answer['id'],
        'type': 'transfer',
        'scenario': 'replica',
        'user_id': 'u-admin',
        'project_id': 'p1',
        'instances': ['vm1'],
        'executions': [],
        'reservation_id': None,
        'notes': 'n1',
        'origin_endpoint_id': made.origin['id'],
        'destination_endpoint_id': made.destination['id'],
        'transfer_result': None,
        'network_map': {'lan': 'wan'},
        'storage_mappings': mappings,
        'source_environment': {},
        'destination_environment': {
            'pool': 'p',
            'network_map': {'lan': 'wan'},
            'storage_mappings': mappings,
        },
        'last_execution_status': 'UNEXECUTED',
        'origin_minion_pool_id': None,
        'destination_minion_pool_id': None,
        'instance_osmorphing_minion_pool_mappings': {},
        'user_scripts': {'global': {}, 'instances': {}},
        'clone_disks': True,
        'skip_os_morphing': False,
        'clustered': False,
        'keep_points': 5,
        'keep_hourly': 0,
        'keep_daily': 0,
        'keep_weekly': 0,
        'execution_retries': 0,
        'bandwidth_limit': None,
        'busy_with': None,
        'updated_at': None,
        'deleted_at': None,
        'deleted': '0',
    }


def test_the_nulls_that_clients_send_are_taken(
    client: Client, made: Made
) -> None:
    answer = client.post(
        '/transfers',
        body(
            made,
            clone_disks=None,
            skip_os_morphing=None,
            notes=None,
            user_scripts={'global': {}, 'instances': {}},
            origin_minion_pool_id=None,
            destination_minion_pool_id=None,
            instance_osmorphing_minion_pool_mappings=None,
            network_map=None,
            storage_mappings=None,
            source_environment=None,
            destination_environment=None,
        ),
    )['transfer']
    assert answer['clone_disks'] is True
    assert answer['skip_os_morphing'] is False
    assert answer['storage_mappings'] == {}


def test_scripts_in_both_forms(client: Client, made: Made) -> None:
    answer = client.post(
        '/transfers',
        body(
            made,
            user_scripts={
                'global': {'linux': '#!/bin/sh\n'},
                'instances': {
                    'vm1': [
                        {'payload': 'a', 'phase': 'replica_first_boot'},
                        {'payload': 'b'},
                    ]
                },
            },
        ),
    )['transfer']
    assert answer['user_scripts'] == {
        'global': {'linux': '#!/bin/sh\n'},
        'instances': {
            'vm1': [
                {'phase': 'replica_first_boot', 'payload': 'a'},
                {'phase': 'osmorphing_post_os_mount', 'payload': 'b'},
            ]
        },
    }


def test_maps_inside_the_environment_are_the_same(
    client: Client, made: Made
) -> None:
    answer = client.post(
        '/transfers',
        body(
            made,
            destination_environment={
                'network_map': {'a': 'b'},
                'storage_mappings': {'default': 'x'},
            },
        ),
    )['transfer']
    assert answer['network_map'] == {'a': 'b'}
    assert answer['storage_mappings'] == {'default': 'x'}


@pytest.mark.parametrize(
    ('more', 'field'),
    [
        ({'instances': []}, '$.transfer.instances'),
        ({'instances': ['a', 7]}, '$.transfer.instances[1]'),
        ({'instances': ['a\u0000b']}, '$.transfer.instances[0]'),
        ({'instances': 'vm1'}, '$.transfer.instances'),
        ({'scenario': 'teleport'}, '$.transfer.scenario'),
        ({'nonsense': 1}, '$.transfer.nonsense'),
        ({'keep_points': 0}, '$.transfer.keep_points'),
        (
            {'storage_mappings': {'disk_mappings': [{'disk_id': 'a'}]}},
            '$.transfer.storage_mappings.disk_mappings[0].destination',
        ),
        (
            {'user_scripts': {'global': {'plan9': 'x'}}},
            '$.transfer.user_scripts.global',
        ),
        ({'origin_minion_pool_id': 'x'}, '$.transfer.origin_minion_pool_id'),
    ],
)
def test_an_error_names_the_field(
    client: Client, made: Made, more: dict[str, Any], field: str
) -> None:
    error = client.post('/transfers', body(made, **more), status=400)['error']
    assert (error['code'], error['fault']) == (400, 'badRequest')
    assert error['reason'] in {'invalid_input', 'not_found'}
    assert error['field'].startswith(field), error


def test_instance_names_of_all_kinds(client: Client, made: Made) -> None:
    names = ['a/b', 'with space', 'ünïcödé', '日本', '"quoted"', "it's"]
    answer = client.post('/transfers', body(made, instances=names))
    assert answer['transfer']['instances'] == names


def test_update_merges_nothing_by_itself_and_refuses_the_fixed(
    world: World, client: Client, made: Made
) -> None:
    one = f'/transfers/{made.transfer["id"]}'
    answer = client.put(one, {'transfer': {'notes': 'new', 'keep_points': 9}})
    assert answer['transfer']['notes'] == 'new'
    assert (answer['execution']['type'], answer['execution']['status']) == (
        'transfer_update',
        'COMPLETED',
    )
    assert answer['transfer']['keep_points'] == 9
    error = client.put(one, {'transfer': {'instances': ['z']}}, status=400)
    assert error['error']['field'] == '$.transfer.instances'
    # What is sent back as it was changes nothing and is no error.
    client.put(one, {'transfer': {'instances': ['vm1'], 'notes': None}})
    assert client.get(one)['transfer']['notes'] is None
    world.conductor.refusals['destination_environment'] = errors.InvalidInput(
        'no', field='$.destination_environment.pool'
    )
    change = {'transfer': {'destination_environment': {'pool': 1}}}
    error = client.put(one, change, status=400)['error']
    assert error['field'] == '$.transfer.destination_environment.pool'


def test_lists_are_paged(client: Client, made: Made) -> None:
    ids = [made.transfer['id']] + [
        client.post('/transfers', body(made))['transfer']['id']
        for _ in range(4)
    ]
    newest_first = ids[::-1]
    first = client.get('/transfers?limit=2')['transfers']
    assert [one['id'] for one in first] == newest_first[:2]
    rest = client.get(f'/transfers/detail?marker={newest_first[1]}')
    assert [one['id'] for one in rest['transfers']] == newest_first[2:]
    asc = client.get('/transfers?sort_key=created_at&sort_dir=asc&limit=1')
    assert asc['transfers'][0]['id'] == ids[0]
    # A key without its direction, and names that no release knew.
    lenient = client.get('/transfers?sort_key=created_at&sort_keys=x&y=z')
    assert [one['id'] for one in lenient['transfers']] == newest_first


@pytest.mark.parametrize(
    ('query', 'field'),
    [
        ('limit=abc', '$.limit'),
        ('limit=-1', '$.limit'),
        ('limit=0', '$.limit'),
        ('limit=', '$.limit'),
        ('marker=nope', '$.marker'),
        ('marker=', '$.marker'),
        ('sort_key=nope', '$.sort_key'),
        ('sort_key=created_at&sort_dir=up', '$.sort_dir[0]'),
        ('status=NOPE', '$.status'),
    ],
)
def test_a_bad_query_is_refused_by_name(
    client: Client, made: Made, query: str, field: str
) -> None:
    error = client.get(f'/transfers?{query}', status=400)['error']
    assert error['field'] == field


@pytest.mark.parametrize('limit', ['1001', '9' * 30])
def test_a_huge_limit_is_the_largest_page(
    client: Client, made: Made, limit: str
) -> None:
    assert len(client.get(f'/transfers?limit={limit}')['transfers']) == 1


def test_filter_by_status(client: Client, made: Made) -> None:
    def ids(status: str) -> list[str]:
        found = client.get(f'/transfers?status={status}')['transfers']
        return [one['id'] for one in found]

    one = made.transfer['id']
    assert (ids('UNEXECUTED'), ids('RUNNING')) == ([one], [])
    client.post(f'/transfers/{one}/executions', {'execution': {}})
    assert (ids('UNEXECUTED'), ids('RUNNING')) == ([], [one])


def test_preflight_tells_the_worst_first(client: Client, made: Made) -> None:
    one = f'/transfers/{made.transfer["id"]}/actions'
    answer = client.post(one, {'preflight': None})['preflight']
    assert answer['passed'] is False
    assert [f['code'] for f in answer['findings']] == ['no_space', 'no_agent']


def test_delete_disks_gives_an_execution_with_tasks(
    client: Client, made: Made
) -> None:
    one = f'/transfers/{made.transfer["id"]}/actions'
    answer = client.post(one, {'delete-disks': None})['execution']
    assert answer['type'] == 'transfer_disks_delete'
    assert answer['tasks']


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ({'nope': None}, 'There is no such action: nope'),
        ({'preflight': None, 'delete-disks': None}, 'Malformed request body'),
        ({}, 'Malformed request body'),
    ],
)
def test_an_action_is_exactly_one_known_key(
    client: Client, made: Made, given: Any, message: str
) -> None:
    one = f'/transfers/{made.transfer["id"]}/actions'
    error = client.post(one, given, status=400)['error']
    assert error['message'].startswith(message)


def test_delete(client: Client, made: Made) -> None:
    one = f'/transfers/{made.transfer["id"]}'
    client.delete(one)
    error = client.get(one, status=404)['error']
    assert (error['fault'], error['reason']) == ('itemNotFound', 'not_found')


def test_retention(client: Client, made: Made) -> None:
    body = {
        'transfer': {
            'origin_endpoint_id': made.origin['id'],
            'destination_endpoint_id': made.destination['id'],
            'instances': ['vm1'],
            'keep_points': 2,
            'keep_hourly': 24,
            'keep_weekly': None,
        }
    }
    one = client.post('/transfers', body)['transfer']
    names = ('keep_points', 'keep_hourly', 'keep_daily', 'keep_weekly')
    assert [one[name] for name in names] == [2, 24, 0, 0]
    url = f'/transfers/{one["id"]}'
    client.put(url, {'transfer': {'keep_daily': 7, 'keep_hourly': None}})
    one = client.get(url)['transfer']
    assert [one[name] for name in names] == [2, 24, 7, 0]
    error = client.put(url, {'transfer': {'keep_daily': -1}}, 400)['error']
    assert error['field'] == '$.transfer.keep_daily'


def test_limits_of_bandwidth(client: Client, made: Made) -> None:
    window = {
        'from': '22:00',
        'to': '06:00',
        'days': 'sat,sun',
        'time_zone': 'UTC',
        'mb_s': None,
    }
    limit = {'mb_s': 20, 'profile': [window]}
    given = body(made, bandwidth_limit=limit)
    one = client.post('/transfers', given)['transfer']
    assert one['bandwidth_limit'] == limit
    url = f'/transfers/{one["id"]}'
    client.put(url, {'transfer': {'notes': 'x'}})
    assert client.get(url)['transfer']['bandwidth_limit'] == limit
    client.put(url, {'transfer': {'bandwidth_limit': 7.5}})
    assert client.get(url)['transfer']['bandwidth_limit'] == {
        'mb_s': 7.5,
        'profile': [],
    }
    client.put(url, {'transfer': {'bandwidth_limit': None}})
    assert client.get(url)['transfer']['bandwidth_limit'] is None
    wrong = {'profile': [{**window, 'days': 'someday'}]}
    error = client.put(url, {'transfer': {'bandwidth_limit': wrong}}, 400)
    place = '$.transfer.bandwidth_limit.profile[0].days'
    assert error['error']['field'] == place


def test_a_change_says_nothing_of_what_is_empty(client: Client) -> None:
    """As released clients send it with every change of anything."""
    made = Made(client).transfer
    url = f'/transfers/{made["id"]}'
    client.put(
        url,
        {
            'transfer': {
                'user_scripts': {'global': {'linux': 'x'}},
                'storage_mappings': {
                    'default': 'a',
                    'backend_mappings': [
                        {'source': 's1', 'destination': 'a'},
                        {'source': 's2', 'destination': 'a'},
                    ],
                    'disk_mappings': [{'disk_id': 'd', 'destination': 'a'}],
                },
            }
        },
    )
    change = {
        'notes': 'n',
        'user_scripts': {'global': {}, 'instances': {}},
        'storage_mappings': {
            'backend_mappings': [{'source': 's2', 'destination': 'b'}]
        },
    }
    client.put(url, {'transfer': change})
    shown = client.get(url)['transfer']
    assert shown['notes'] == 'n'
    assert set(shown['user_scripts']['global']) == {'linux'}
    assert shown['storage_mappings'] == {
        'default': 'a',
        'backend_mappings': [
            {'source': 's1', 'destination': 'a'},
            {'source': 's2', 'destination': 'b'},
        ],
        'disk_mappings': [{'disk_id': 'd', 'destination': 'a'}],
    }
    # A script is taken away by its name.
    scripts = {'global': {'linux': None}}
    client.put(url, {'transfer': {'user_scripts': scripts}})
    assert client.get(url)['transfer']['user_scripts']['global'] == {}


def test_empty_mappings_change_nothing(client: Client) -> None:
    made = Made(client).transfer
    url = f'/transfers/{made["id"]}'
    client.put(url, {'transfer': {'storage_mappings': {'default': 'a'}}})
    client.put(url, {'transfer': {'storage_mappings': {}}})
    found = client.get(url)['transfer']['storage_mappings']
    assert found == {'default': 'a'}
