# SPDX-License-Identifier: Apache-2.0
"""HTTP itself: envelopes, wrong verbs, broken bodies, identity."""

from __future__ import annotations

from typing import Any

import pytest
import webtest

from coriolis_ng.api import intake
from tests.unit.api.conftest import Client, Made, World, endpoint


def raw(world: World, **headers: str) -> webtest.TestApp:
    return webtest.TestApp(
        world.checker, extra_environ={'HTTP_HOST': 'api.example'}
    )


def test_version_documents_are_for_everybody(world: World) -> None:
    app = raw(world)
    (version,) = app.get('/').json['versions']
    assert (version['id'], version['status']) == ('v1.0', 'CURRENT')
    assert version['links'][0]['href'] == 'http://api.example/v1/'
    assert app.get('/v1').json['version'] == version
    assert app.get('/v1/').json['version'] == version
    assert app.get('/v1/openapi.json').json['openapi'] == '3.1.0'


def test_request_ids(world: World) -> None:
    answer = raw(world).get('/v1/p1/transfers', status=401)
    id = answer.headers['x-openstack-request-id']
    assert id.startswith('req-')
    assert answer.headers['x-compute-request-id'] == id
    assert answer.json['error'] == {
        'fault': 'unauthorized',
        'code': 401,
        'message': 'The request needs authentication.',
        'reason': 'unauthorized',
        'field': None,
        'request_id': id,
    }


def test_identity_cannot_be_claimed(world: World) -> None:
    claims = {
        'X-Identity-Status': 'Confirmed',
        'X-Project-Id': 'p1',
        'X-Tenant-Id': 'p1',
        'X-User-Id': 'me',
        'X-Roles': 'admin',
    }
    app = raw(world)
    app.get('/v1/p1/endpoints', headers=claims, status=401)
    claims['X-Auth-Token'] = 'guess'
    app.get('/v1/p1/endpoints', headers=claims, status=401)
    claims['X-Auth-Token'] = world.tokens['p1', 'reader']
    app.post_json('/v1/p1/endpoints', {}, headers=claims, status=403)


def test_the_conductor_is_told_who_asks(world: World) -> None:
    answer = world.client('member').call(
        'POST', '/endpoints', endpoint('x'), status=200
    )
    assert world.conductor.callers == [
        {
            'project_id': 'p1',
            'user_id': 'u-member',
            'roles': ['member', 'reader'],
            'request_id': answer.headers['x-openstack-request-id'],
            # Of local tokens the bus's client makes nothing.
            'token': world.tokens['p1', 'member'],
        }
    ]


@pytest.mark.parametrize(
    ('verb', 'path'),
    [
        ('GET', '/nope'),
        ('GET', ''),
        ('GET', '/'),
        ('PATCH', '/endpoints'),
        ('PUT', '/endpoints'),
        ('DELETE', '/endpoints'),
        ('POST', '/endpoints/x'),
        ('PATCH', '/endpoints/x'),
        ('GET', '/endpoints/x/actions'),
        ('GET', '/endpoints/x/nope'),
        ('GET', '/endpoints/x/instances/y/z'),
        ('GET', '/endpoints/detail'),
        ('DELETE', '/transfers/x/y'),
        ('PUT', '/transfers/x/executions/y'),
        ('POST', '/transfers/x/actions/y'),
        ('POST', '/transfers/actions'),
        ('GET', '/transfers/executions'),
        ('GET', '/transfers/x/executions/y/z'),
        ('GET', '/transfers/__class__'),
        ('GET', '/transfers/x/__init__'),
        ('GET', '/_lookup'),
        ('GET', '/__class__'),
        ('GET', '/transfers/x/get_all'),
        ('POST', '/endpoints/x/actions/known'),
        ('GET', '/recovery_points/x/y'),
        ('POST', '/diagnostics'),
        ('DELETE', '/services/x'),
    ],
)
def test_what_is_not_there_is_404(
    client: Client, verb: str, path: str
) -> None:
    body = {} if verb in {'POST', 'PUT', 'PATCH'} else None
    answer = client.call(verb, path, body, status=404)
    error = answer.json['error']
    assert (error['fault'], error['code']) == ('itemNotFound', 404)


def test_no_other_verb_by_the_back_door(client: Client, made: Made) -> None:
    one = f'/transfers/{made.transfer["id"]}'
    client.call('POST', f'{one}?_method=delete', {}, status=404)
    client.get(f'{one}?_method=delete')
    client.get('/transfers?_method=post&id=1&call=2&self=3')
    assert client.get(one)['transfer']['id'] == made.transfer['id']


@pytest.mark.parametrize(
    ('body', 'message', 'field'),
    [
        (b'', 'The request needs a body.', None),
        (b'{', 'Malformed request body', '$'),
        (b'\xff\xfe', 'Malformed request body', '$'),
        (b'{"endpoint": {"name": "\\ud800"}}', 'Malformed request body', '$'),
        (b'"\xc3("', 'Expected `object`, got `str`', '$'),
        (b'null', 'Expected `object`, got `null`', '$'),
        (b'[1]', 'Expected `object`, got `array`', '$'),
        (b'{}', 'Object missing required field', '$.endpoint'),
        (b'{"endpoint": {}}', 'Object missing required', '$.endpoint.name'),
        (b'{"name": "x"}', 'Object contains unknown field', '$.name'),
        (b'[' * 100_000, 'Expected `object`', '$'),
        (
            b'{"endpoint":{"connection_info":' + b'{"a":' * 100_000,
            'Malformed request body',
            '$',
        ),
        (
            b'{"endpoint":{"connection_info":{"a":' + b'9' * 5000 + b'}}}',
            '',
            None,
        ),
    ],
)
def test_broken_bodies(
    client: Client, body: bytes, message: str, field: str | None
) -> None:
    answer = client.call('POST', '/endpoints', body, status=400)
    error = answer.json['error']
    assert error['message'].startswith(message), error
    if message:
        assert error['field'] == field


def test_a_body_that_is_too_large(client: Client) -> None:
    body = b' ' * (intake.MAX_BODY + 1)
    answer = client.call('POST', '/endpoints', body, status=413)
    assert answer.json['error']['fault'] == 'overLimit'


def test_forms_are_refused(world: World) -> None:
    headers = {
        'X-Auth-Token': world.tokens['p1', 'admin'],
        'Content-Type': 'application/x-www-form-urlencoded',
    }
    answer = raw(world).post(
        '/v1/p1/endpoints', b'a=b', headers=headers, status=415
    )
    assert answer.json['error']['fault'] == 'badMediaType'


@pytest.mark.parametrize(
    'path', ['/endpoints?limit=%ff', '/endpoints/%ff', '/%c3%28/x']
)
def test_bytes_that_are_no_text(client: Client, path: str) -> None:
    answer = client.call('GET', path)
    assert answer.status_int in {400, 404}


@pytest.mark.parametrize('accept', ['*/*', 'text/html', 'text/csv', 'x'])
def test_there_is_json_and_nothing_else(world: World, accept: str) -> None:
    headers = {
        'X-Auth-Token': world.tokens['p1', 'admin'],
        'Accept': accept,
    }
    answer = raw(world).get('/v1/p1/endpoints', headers=headers)
    assert answer.json == {'endpoints': []}
    assert answer.content_type == 'application/json'


def test_ids_may_hold_dots_and_be_long(client: Client) -> None:
    for id in ('my.vm.1', 'a.json', 'x' * 5000, 'detail.xml'):
        error = client.get(f'/transfers/{id}', 404)['error']
        assert error['code'] == 404


class Exploding:
    """A conductor that fails in a way nobody thought of."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError('hunter2')


def test_our_own_faults_tell_nothing(world: World, made: Made) -> None:
    from coriolis_ng import auth
    from coriolis_ng.wsgi.api import make_application

    token, kept = auth.issue('p1', 'u', ['admin'])
    app = make_application(
        world.database,
        Exploding(),  # type: ignore[arg-type]
        auth=auth.LocalAuth(tokens=[kept]),
    )
    answer = webtest.TestApp(app).post_json(
        '/v1/p1/endpoints',
        endpoint('x'),
        headers={'X-Auth-Token': token},
        status=500,
    )
    assert answer.json['error']['fault'] == 'computeFault'
    assert 'hunter2' not in answer.text
