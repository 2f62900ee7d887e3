# SPDX-License-Identifier: Apache-2.0
"""Endpoints, the clouds behind them, and credentials that are wrong."""

from __future__ import annotations

import pytest

from coriolis_ng.client import ApiError
from tests.functional.world import MIB, World, task


def test_an_endpoint_from_birth_to_death(world: World) -> None:
    endpoints = world.client.endpoints
    info = world.source.connection_info
    made = endpoints.create(
        name='žluťoučký / cloud', type='memory', connection_info=info
    )
    assert made['name'] == 'žluťoučký / cloud'
    assert made['connection_info'] == {'stored': '***'}
    assert endpoints.get(made['id']) == made
    assert endpoints.list() == [made]

    changed = endpoints.update(made['id'], description='of tests')
    assert changed['description'] == 'of tests'
    assert changed['connection_info'] == {'stored': '***'}
    assert endpoints.validate(made['id']) == {'valid': True, 'message': None}

    endpoints.delete(made['id'])
    assert endpoints.list() == []
    for call in (endpoints.get, endpoints.delete):
        with pytest.raises(ApiError) as caught:
            call(made['id'])
        assert caught.value.status == 404


def test_one_that_is_in_use_stays(world: World) -> None:
    name = world.machine('used', MIB)
    world.transfer(name)
    with pytest.raises(ApiError) as caught:
        world.client.endpoints.delete(world.endpoint('source'))
    assert caught.value.status == 403  # as the API always said it
    assert 'would be orphaned' in caught.value.message


def test_a_wrong_password(world: World) -> None:
    name = world.machine('locked', MIB)
    wrong = {**world.source.connection_info, 'password': 'not-the-password'}
    made = world.client.endpoints.create(
        name='locked', type='memory', connection_info=wrong
    )
    said = world.client.endpoints.validate(made['id'])
    assert said['valid'] is False
    assert said['message'] == 'The password is wrong.'
    with pytest.raises(ApiError) as caught:
        world.client.endpoints.instances(made['id'])
    assert 'password' in caught.value.message

    transfer = world.transfer(name, origin_endpoint_id=made['id'])
    found = world.client.transfers.preflight(transfer)
    assert found['passed'] is False
    assert found['findings'][0]['code'] == 'source_auth_failed'
    done = world.run(transfer, 'ERROR')
    failed = task(done, 'GET_INSTANCE_INFO')
    assert failed['exception_details'] == 'The password is wrong.'
    assert world.destination.log() == []

    world.client.endpoints.update(
        made['id'], connection_info=world.source.connection_info
    )
    assert world.client.endpoints.validate(made['id'])['valid'] is True
    world.run(transfer)
    assert len(world.points(transfer)) == 1


def test_a_cloud_that_does_not_answer(world: World) -> None:
    info = {**world.source.connection_info, 'port': 1}
    made = world.client.endpoints.create(
        name='nowhere', type='memory', connection_info=info
    )
    said = world.client.endpoints.validate(made['id'])
    assert said['valid'] is False
    assert 'does not answer' in said['message']


def test_connection_info_is_checked(world: World) -> None:
    with pytest.raises(ApiError) as caught:
        world.client.endpoints.create(
            name='bad',
            type='memory',
            connection_info={'host': 'h', 'port': 'many', 'password': 'p'},
        )
    assert caught.value.status == 400
    assert caught.value.field.endswith('connection_info.port')
    with pytest.raises(ApiError) as caught:
        world.client.endpoints.create(
            name='bad', type='no such cloud', connection_info={}
        )
    assert caught.value.status == 400
    assert caught.value.field.endswith('type')


def test_machines_come_in_pages(world: World) -> None:
    names = [f'vm {number:02}' for number in range(7)]
    for name in names:
        world.source.make_machine(name, MIB)
    endpoint = world.endpoint('source')
    seen: list[str] = []
    marker = None
    while True:
        page = world.client.endpoints.instances(
            endpoint, limit=3, marker=marker
        )
        assert len(page) <= 3
        if not page:
            break
        seen += [one['instance_name'] for one in page]
        marker = page[-1]['instance_name']
    assert seen == names
    found = world.client.endpoints.instances(endpoint, name='5')
    assert [one['name'] for one in found] == ['vm 05']


def test_transfers_come_in_pages(world: World) -> None:
    made = [world.transfer(f'm{number}') for number in range(5)]
    seen = list(world.client.transfers.all(page=2))
    assert [one['id'] for one in seen] == list(reversed(made))
    first = world.client.transfers.list(limit=1, sort_key='created_at')
    assert [one['id'] for one in first] == [made[-1]]


def test_what_a_cloud_offers(world: World) -> None:
    endpoint = world.endpoint('destination')
    networks = world.client.endpoints.networks(endpoint)
    assert [one['name'] for one in networks] == ['green', 'blue']
    storage = world.client.endpoints.storage(endpoint)
    assert storage['config_default'] == 'memory'
    [option] = world.client.endpoints.options(endpoint, 'destination')
    assert option['values'] == ['green', 'blue']
    assert list(world.client.providers.list()) == ['memory']
