# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.unit.api.conftest import CONNECTION, ENVIRONMENT, Client, World


def test_providers(client: Client) -> None:
    answer = client.get('/providers')['providers']
    assert list(answer) == ['memory']
    assert answer['memory']['types'] == [
        4, 8, 16, 32, 64, 128, 512, 4096, 16384, 32768, 131072,
    ]  # fmt: skip


def test_schemas(client: Client) -> None:
    def get(type_: int) -> object:
        return client.get(f'/providers/memory/schemas/{type_}')['schemas']

    assert get(16) == {'connection_info_schema': CONNECTION}
    assert get(4) == {'destination_environment_schema': ENVIRONMENT}
    assert get(8) == {'source_environment_schema': ENVIRONMENT}
    for url in ('memory/schemas/9', 'x/schemas/4', 'memory/schemas/zz'):
        error = client.get(f'/providers/{url}', 404)['error']
        assert error['message'].startswith('Provider not found for: ')
    client.get('/providers/memory', 404)
    client.get('/providers/memory/schemas', 404)


def test_services(world: World, client: Client) -> None:
    id = world.beat('w2', 'kvm')
    first, second = client.get('/services')['services']
    assert (first['host'], second['host']) == ('w1', 'w2')
    assert (second['status'], second['enabled']) == ('UP', True)
    assert second['topic'] == 'coriolis_worker'
    assert list(client.get('/providers')['providers']) == ['kvm', 'memory']
    off = {'service': {'enabled': False}}
    assert client.put(f'/services/{id}', off)['service']['enabled'] is False
    shown = client.get(f'/services/{id}')['service']
    assert shown['enabled'] is False
    # What it alone offered can not be had now.
    assert list(client.get('/providers')['providers']) == ['memory']
    client.get('/services/nope', 404)
    wrong = {'service': {'enabled': 'no'}}
    error = client.put(f'/services/{id}', wrong, 400)['error']
    assert error['field'] == '$.service.enabled'


def test_diagnostics(client: Client) -> None:
    own, worker = client.get('/diagnostics')['diagnostics']
    assert own['application'] == 'coriolis-api'
    assert worker['hostname'] == 'w1'
