# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from typing import Any

from coriolis_ng import host
from coriolis_ng.api.views import providers as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects.service import Facts, ProviderInfo
from tests.unit.api.conftest import CONNECTION, ENVIRONMENT, Client, World


def test_providers(client: Client) -> None:
    answer = client.get('/providers')['providers']
    assert list(answer) == ['memory']
    assert answer['memory']['types'] == [
        4, 8, 16, 32, 64, 128, 512, 4096, 16384, 32768, 65536, 131072,
        262144, 524288, 1048576, 2097152,
    ]  # fmt: skip


def test_schemas(client: Client) -> None:
    def get(type_: int) -> object:
        return client.get(f'/providers/memory/schemas/{type_}')['schemas']

    assert get(16) == {'connection_info_schema': CONNECTION}
    assert get(4) == {'destination_environment_schema': ENVIRONMENT}
    assert get(8) == {'source_environment_schema': ENVIRONMENT}
    assert get(1048576) == {
        'destination_minion_pool_environment_schema': ENVIRONMENT
    }
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
    assert own['packages'] == [*host.facts().packages]
    assert own['architecture'] == os.uname().machine
    # A worker of a release that did not tell.
    assert worker == {
        'application': 'coriolis-worker',
        'hostname': 'w1',
        'ip_addresses': [],
        'packages': ['coriolis-ng 1.0.0'],
        'os_info': '',
        'architecture': '',
    }


def test_diagnostics_are_what_a_service_told(
    world: World, client: Client
) -> None:
    facts = Facts(
        ip_addresses=('192.0.2.7', '2001:db8::7'),
        packages=('coriolis-ng 1.0.0', 'msgspec 1.2'),
        os_info='Some Linux 13 (Linux-6.12)',
        architecture='riscv64',
    )
    world.beat('w2', facts=facts)
    world.beat('w2', again=True)  # says nothing of it, as most beats

    def present(session: Any) -> None:
        rows.services.present(
            session, 'c1', 'coriolis-conductor', topic='t', incarnation='i',
            release='1.0.0', facts=facts,
        )  # fmt: skip

    world.database.write(present)
    told = {
        one['hostname']: one
        for one in client.get('/diagnostics')['diagnostics']
    }
    for name, binary in (
        ('w2', 'coriolis-worker'),
        ('c1', 'coriolis-conductor'),
    ):
        assert told[name] == {
            'application': binary,
            'hostname': name,
            'ip_addresses': ['192.0.2.7', '2001:db8::7'],
            'packages': ['coriolis-ng 1.0.0', 'msgspec 1.2'],
            'os_info': 'Some Linux 13 (Linux-6.12)',
            'architecture': 'riscv64',
        }


def test_a_service_that_made_itself_known_is_created(client: Client) -> None:
    given = {
        'host': 'w1',
        'binary': 'coriolis-worker',
        'topic': 'anything',
        'enabled': False,
        'mapped_regions': [],
    }
    made = client.post('/services', {'service': given})['service']
    (only,) = client.get('/services')['services']
    assert made == only
    assert made['enabled'] is False
    given['host'] = 'never-heard-of'
    error = client.post('/services', {'service': given}, 400)['error']
    assert error['field'] == '$.service.host'


def test_only_a_dead_service_is_forgotten(
    world: World, client: Client
) -> None:
    (alive,) = client.get('/services')['services']
    client.delete(f'/services/{alive["id"]}', 409)
    with world.database.writer() as session:
        session.connection().exec_driver_sql(
            "UPDATE services SET alive_at = '2001-01-01 00:00:00.000000'"
        )
    client.delete(f'/services/{alive["id"]}')
    assert client.get('/services') == {'services': []}
    client.delete(f'/services/{alive["id"]}', 404)


def test_pools_for_one_end_only() -> None:
    info = ProviderInfo(
        name='kvm',
        capabilities=('pools',),
        schemas={'destination_pool': {'type': 'object'}},
    )
    assert view.provider(info).types == [16, 1048576]
