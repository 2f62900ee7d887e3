# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.conftest import Client, Made, World

NIGHTLY = {'schedule': {'hour': 3, 'minute': 30}}


@pytest.fixture
def url(made: Made) -> str:
    return f'/transfers/{made.transfer["id"]}/schedules'


def create(client: Client, url: str, **fields: Any) -> Any:
    return client.post(url, {**NIGHTLY, **fields})['schedule']


def test_create_show_list_update_delete(
    client: Client, made: Made, url: str
) -> None:
    one = create(client, url)
    assert one['schedule'] == {'hour': 3, 'minute': 30}
    assert one['transfer_id'] == made.transfer['id']
    assert 'replica_id' not in one
    assert one['enabled'] is True
    assert one['shutdown_instance'] is one['auto_deploy'] is False
    assert one['expiration_date'] is one['trust_id'] is None
    assert one['time_zone'] == 'UTC'
    assert one['missed_runs'] == 'once'
    assert one['next_run_at'].endswith('T03:30:00.000000')
    assert one['last_run'] is None
    assert client.get(f'{url}/{one["id"]}')['schedule'] == one
    assert client.get(url)['schedules'] == [one]

    changes = {
        'schedule': {'dow': 0},
        'shutdown_instance': True,
        'auto_deploy': None,
        'expiration_date': '2999-01-01T00:00:00Z',
        'time_zone': 'Asia/Kathmandu',
    }
    changed = client.put(f'{url}/{one["id"]}', changes)['schedule']
    assert changed['schedule'] == {'dow': 0}
    assert changed['shutdown_instance'] is True
    # Nothing that shuts machines down is made up for.
    assert changed['missed_runs'] == 'skip'
    assert changed['expiration_date'] == '2999-01-01T00:00:00.000000'
    # A midnight that is not UTC's.
    assert changed['next_run_at'].endswith('T18:15:00.000000')

    off = client.put(f'{url}/{one["id"]}', {'enabled': False})['schedule']
    assert (off['enabled'], off['next_run_at']) == (False, None)
    gone = {'expiration_date': None}
    assert (
        client.put(f'{url}/{one["id"]}', gone)['schedule']['expiration_date']
        is None
    )
    client.delete(f'{url}/{one["id"]}')
    assert client.get(url) == {'schedules': []}
    for verb in ('GET', 'DELETE'):
        client.call(verb, f'{url}/{one["id"]}', status=404)
    client.put(f'{url}/{one["id"]}', {}, 404)


@pytest.mark.parametrize(
    ('body', 'field'),
    [
        ({}, '$.schedule'),
        ({'schedule': {}}, '$.schedule'),
        ({'schedule': {'minute': None, 'hour': None}}, '$.schedule'),
        ({'schedule': {'minute': 60}}, '$.schedule.minute'),
        ({'schedule': {'hour': -1}}, '$.schedule.hour'),
        ({'schedule': {'dom': 0}}, '$.schedule.dom'),
        ({'schedule': {'month': 13}}, '$.schedule.month'),
        ({'schedule': {'dow': 7}}, '$.schedule.dow'),
        ({'schedule': {'month': 2, 'dom': 30}}, '$.schedule.dom'),
        ({'schedule': {'second': 1}}, '$.schedule.second'),
        ({**NIGHTLY, 'interval_seconds': 600}, '$.schedule'),
        ({**NIGHTLY, 'continuous': True}, '$.schedule'),
        ({'interval_seconds': 59}, '$.interval_seconds'),
        ({**NIGHTLY, 'expiration_date': 'soon'}, '$.expiration_date'),
        ({**NIGHTLY, 'expiration_date': '2001-01-01'}, '$.expiration_date'),
        ({**NIGHTLY, 'time_zone': 'Mars/Base'}, '$.time_zone'),
        ({**NIGHTLY, 'time_zone': '../etc/passwd'}, '$.time_zone'),
        ({**NIGHTLY, 'missed_runs': 'all'}, '$.missed_runs'),
        ({**NIGHTLY, 'nope': 1}, '$.nope'),
        (
            {**NIGHTLY, 'blackout_windows': [{'start': '8', 'end': '9'}]},
            '$.blackout_windows[0].start',
        ),
        (
            {
                **NIGHTLY,
                'blackout_windows': [
                    {'start': '01:00', 'end': '02:00'},
                    {'start': '08:00', 'end': '08:00'},
                ],
            },
            '$.blackout_windows[1]',
        ),
    ],
)
def test_what_is_wrong_is_named(
    client: Client, url: str, body: Any, field: str
) -> None:
    error = client.post(url, body, 400)['error']
    assert error['field'] == field
    assert client.get(url) == {'schedules': []}


def test_an_update_cannot_empty_it(client: Client, url: str) -> None:
    one = create(client, url)
    where = f'{url}/{one["id"]}'
    error = client.put(where, {'schedule': {}}, 400)['error']
    assert error['field'] == '$.schedule'
    assert client.get(where)['schedule'] == one
    # A calendar gives way to an interval in one step.
    other = {'schedule': {}, 'interval_seconds': 3600}
    changed = client.put(where, other)['schedule']
    assert (changed['schedule'], changed['interval_seconds']) == ({}, 3600)
    assert changed['next_run_at'] is not None


def test_intervals_and_continuous(client: Client, url: str) -> None:
    hourly = client.post(url, {'interval_seconds': 3600})['schedule']
    assert hourly['schedule'] == {}
    made, due = hourly['created_at'], hourly['next_run_at']
    assert made[13:] == due[13:]  # an hour later, to the microsecond
    always = {'continuous': True, 'interval_seconds': 900}
    endless = client.post(url, always)['schedule']
    assert endless['next_run_at'] == endless['created_at']
    window = {'start': '22:00', 'end': '06:00', 'days': [6, 5, 6]}
    kept = create(client, url, blackout_windows=[window])
    assert kept['blackout_windows'] == [{**window, 'days': [5, 6]}]


def test_expired_ones_can_be_left_out(
    world: World, client: Client, url: str
) -> None:
    one = create(client, url, expiration_date='2999-01-01T00:00:00+02:00')
    assert one['expiration_date'] == '2998-12-31T22:00:00.000000'
    create(client, url)
    with world.database.writer() as session:
        session.connection().exec_driver_sql(
            "UPDATE schedules SET expires_at = '2001-01-01 00:00:00.000000'"
            ' WHERE expires_at IS NOT NULL'
        )
    assert len(client.get(url)['schedules']) == 2
    assert len(client.get(f'{url}?show_expired=True')['schedules']) == 2
    left = client.get(f'{url}?show_expired=False')['schedules']
    assert [o['expiration_date'] for o in left] == [None]


def test_it_belongs_to_its_transfer(
    world: World, client: Client, made: Made, url: str
) -> None:
    one = create(client, url)
    second = client.post(
        '/transfers',
        {
            'transfer': {
                'origin_endpoint_id': made.origin['id'],
                'destination_endpoint_id': made.destination['id'],
                'instances': ['vm2'],
            }
        },
    )['transfer']['id']
    wrong = f'/transfers/{second}/schedules/{one["id"]}'
    client.get(wrong, 404)
    client.put(wrong, {'enabled': False}, 404)
    client.delete(wrong, 404)
    other = world.client(project='p2')
    other.get(url, 404)
    other.post(url, NIGHTLY, 404)
    other.get(f'{url}/{one["id"]}', 404)
    other.delete(f'{url}/{one["id"]}', 404)
    assert client.get(url)['schedules'] == [one]
    client.get('/transfers/nope/schedules', 404)


def test_under_the_older_name(client: Client, made: Made) -> None:
    id = made.transfer['id']
    old = f'/replicas/{id}/schedules'
    one = client.post(old, NIGHTLY)['schedule']
    assert (one['replica_id'], one['transfer_id']) == (id, id)
    assert client.get(old)['schedules'] == [one]
    assert client.get(f'{old}/{one["id"]}')['schedule'] == one
    changed = client.put(f'{old}/{one["id"]}', {'shutdown_instance': True})
    assert changed['schedule']['shutdown_instance'] is True
    client.delete(f'{old}/{one["id"]}')


def test_a_migration_is_no_replica(client: Client, made: Made) -> None:
    id = client.post(
        '/transfers',
        {
            'transfer': {
                'origin_endpoint_id': made.origin['id'],
                'destination_endpoint_id': made.destination['id'],
                'instances': ['vm2'],
                'scenario': 'live_migration',
            }
        },
    )['transfer']['id']
    client.post(f'/replicas/{id}/schedules', NIGHTLY, 404)
    client.get(f'/replicas/{id}/schedules', 404)
