# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.unit.api.conftest import Client, World, endpoint


def region(client: Client, **fields: object) -> str:
    body = {'region': {'name': 'north', **fields}}
    return str(client.post('/regions', body)['region']['id'])


def test_create_show_list_update_delete(client: Client) -> None:
    made = client.post(
        '/regions', {'region': {'name': 'Nörd', 'description': None}}
    )['region']
    assert (made['name'], made['description']) == ('Nörd', '')
    assert made['enabled'] is True
    assert made['mapped_endpoints'] == made['mapped_services'] == []
    assert made['deleted'] == '0'
    url = f'/regions/{made["id"]}'
    assert client.get(url)['region'] == made
    # Names need not be unique.
    other = region(client, name='Nörd', enabled=False)
    listed = client.get('/regions?sort_key=created_at&sort_dir=asc')['regions']
    assert [one['id'] for one in listed] == [made['id'], other]
    changes = {'region': {'enabled': False, 'name': None}}
    changed = client.put(url, changes)['region']
    assert (changed['name'], changed['enabled']) == ('Nörd', False)
    assert changed['updated_at'] is not None
    client.delete(url)
    client.get(url, 404)
    client.delete(url, 404)
    client.put(url, changes, 404)


def test_what_is_wrong_is_named(client: Client) -> None:
    for body, field in (
        ({}, '$.region'),
        ({'region': {}}, '$.region.name'),
        ({'region': {'name': ''}}, '$.region.name'),
        ({'region': {'name': 'a', 'enabled': 1}}, '$.region.enabled'),
        ({'region': {'name': 'a', 'x': 1}}, '$.region.x'),
    ):
        error = client.post('/regions', body, 400)['error']
        assert error['field'] == field


def test_endpoints_and_services_are_mapped(world: World) -> None:
    client, other = world.client(), world.client(project='p2')
    north, south = region(client), region(client, name='south')
    ours = client.post('/endpoints', endpoint('e', mapped_regions=[north]))
    theirs = other.post('/endpoints', endpoint('f', mapped_regions=[north]))
    service = client.get('/services')['services'][0]['id']
    both = {'service': {'mapped_regions': [north, south]}}
    answer = client.put(f'/services/{service}', both)['service']
    assert answer['mapped_regions'] == [north, south]
    assert answer['enabled'] is True

    shown = client.get(f'/regions/{north}')['region']
    # Another project's endpoints are not told.
    assert shown['mapped_endpoints'] == [ours['endpoint']['id']]
    assert shown['mapped_services'] == [service]
    seen = other.get(f'/regions/{north}')['region']['mapped_endpoints']
    assert seen == [theirs['endpoint']['id']]

    error = client.delete(f'/regions/{north}', 409)['error']
    assert '2 endpoints and 1 services' in error['message']
    none = {'service': {'mapped_regions': []}}
    client.put(f'/services/{service}', none)
    empty = {'endpoint': {'mapped_regions': []}}
    client.put(f'/endpoints/{ours["endpoint"]["id"]}', empty)
    other.put(f'/endpoints/{theirs["endpoint"]["id"]}', empty)
    client.delete(f'/regions/{north}')


def test_a_service_is_mapped_to_regions_only(client: Client) -> None:
    service = client.get('/services')['services'][0]['id']
    north = region(client)
    body = {'service': {'mapped_regions': [north, 'nowhere']}}
    error = client.put(f'/services/{service}', body, 400)['error']
    assert error['field'] == '$.service.mapped_regions[1]'
    shown = client.get(f'/services/{service}')['service']
    assert shown['mapped_regions'] == []
