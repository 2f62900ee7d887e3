# SPDX-License-Identifier: Apache-2.0
"""ETag and If-Match: nobody overwrites what he has not seen."""

from __future__ import annotations

from typing import Any

import pytest
import webtest

from coriolis_ng.api import openapi
from coriolis_ng.api.method import CHANGES, TABLE, Route
from tests.unit.api.conftest import Made, World
from tests.unit.api.everything import ids_of, url_of
from tests.unit.api.test_minion_pools import body as pool_body

openapi.document()  # collects the routes
CHANGING = [route for route in TABLE if route.verb in CHANGES]


NUMBERS = ('minute', 'executions')


class Caller:
    """Sends what it is told to, with headers."""

    def __init__(self, world: World) -> None:
        self._app = webtest.TestApp(world.checker)
        self._token = {'X-Auth-Token': world.tokens['p1', 'admin']}

    def get(self, url: str) -> str:
        answer = self._app.get(f'/v1/p1{url}', headers=self._token)
        return str(answer.headers['ETag'])

    def post(self, url: str, body: Any) -> Any:
        return self._app.post_json(
            f'/v1/p1{url}', body, headers=self._token
        ).json

    def put(
        self, url: str, body: Any, match: str | None = None, status: int = 200
    ) -> webtest.TestResponse:
        more = {} if match is None else {'If-Match': match}
        return self._app.put_json(
            f'/v1/p1{url}', body, headers={**self._token, **more},
            status=status,
        )  # fmt: skip

    def change(
        self, verb: str, url: str, bodies: Any, match: str
    ) -> webtest.TestResponse:
        """The body is the one for the noun of the URL."""
        headers = {**self._token, 'If-Match': match}
        if verb == 'DELETE':
            return self._app.delete(url, headers=headers, status='*')
        body = bodies[url.split('/')[-2]]
        return self._app.put_json(url, body, headers=headers, status='*')


def of(caller: Caller, made: Made, noun: str) -> tuple[str, Any]:
    """The URL of one, and a body that changes it to ``{}``."""
    below = f'/transfers/{made.transfer["id"]}'
    if noun == 'transfer':
        return below, {noun: {'notes': '{}'}}
    if noun == 'endpoint':
        url = f'/endpoints/{made.origin["id"]}'
        return url, {noun: {'description': '{}'}}
    if noun == 'schedule':
        below += '/schedules'
        one = caller.post(below, {'schedule': {'hour': 3}})[noun]
        return f'{below}/{one["id"]}', {'schedule': {'minute': '{}'}}
    if noun == 'region':
        one = caller.post('/regions', {noun: {'name': 'r'}})[noun]
        return f'/regions/{one["id"]}', {noun: {'description': '{}'}}
    if noun == 'replica':
        return f'/replicas/{made.transfer["id"]}', {noun: {'notes': '{}'}}
    if noun == 'schedule of a replica':
        below = f'/replicas/{made.transfer["id"]}/schedules'
        one = caller.post(below, {'schedule': {'hour': 3}})['schedule']
        return f'{below}/{one["id"]}', {'schedule': {'minute': '{}'}}
    if noun == 'quotas':
        return '/quotas/p2', {noun: {'executions': '{}'}}
    one = caller.post('/minion_pools', pool_body(made))[noun]
    return f'/minion_pools/{one["id"]}', {noun: {'notes': '{}'}}


@pytest.mark.parametrize(
    'noun',
    [
        'transfer',
        'endpoint',
        'schedule',
        'region',
        'minion_pool',
        'replica',
        'schedule of a replica',
        'quotas',
    ],
)
def test_a_change_is_bound_to_what_was_read(
    world: World, made: Made, noun: str
) -> None:
    caller = Caller(world)
    url, pattern = of(caller, made, noun)

    def change(number: int) -> Any:
        [[key, fields]] = pattern.items()
        return {
            key: {
                name: number if name in NUMBERS else text.format(number)
                for name, text in fields.items()
            }
        }

    first = caller.get(url)
    answer = caller.put(url, change(1), first)
    second = answer.headers['ETag']
    assert second == caller.get(url) != first
    refused = caller.put(url, change(2), first, 412)
    error = refused.json['error']
    assert error['fault'] == 'preconditionFailed'
    assert error['reason'] == 'precondition_failed'
    assert caller.get(url) == second
    caller.put(url, change(3), f'"x", {second}')
    caller.put(url, change(4), '*')
    caller.put(url, change(5))
    for wrong in ('', 'x', '"x"', f'W/{caller.get(url)}'):
        caller.put(url, change(6), wrong, 412)


def test_a_service_is_bound_to_how_it_is_used(
    world: World, made: Made
) -> None:
    caller = Caller(world)
    url = f'/services/{world.beat("w1")}'
    first = caller.get(url)
    world.beat('w1')
    assert caller.get(url) == first, 'a beat changes nothing'
    off = {'service': {'enabled': False}}
    second = caller.put(url, off, first).headers['ETag']
    assert second == caller.get(url) != first
    on = {'service': {'enabled': True}}
    caller.put(url, on, first, 412)
    assert caller.get(url) == second
    caller.put(url, on, second)


BODIES = {
    'endpoints': {'endpoint': {'description': 'new'}},
    'transfers': {'transfer': {'notes': 'new'}},
    'replicas': {'replica': {'notes': 'new'}},
    'schedules': {'schedule': {'hour': 5}},
    'regions': {'region': {'description': 'new'}},
    'minion_pools': {'minion_pool': {'notes': 'new'}},
    'services': {'service': {'enabled': False}},
    'quotas': {'quotas': {'executions': 5}},
}


@pytest.mark.parametrize(
    'route', CHANGING, ids=lambda route: f'{route.verb} {route.path}'
)
def test_no_change_of_what_was_not_read(
    world: World, made: Made, route: Route
) -> None:
    ids = ids_of(world, made)
    url = url_of(route, ids)
    caller = Caller(world)
    for match, refused in (('"999"', True), ('*', False)):
        answer = caller.change(route.verb, url, BODIES, match)
        assert (answer.status_int == 412) is refused, answer.text
        # What the state of the thing forbids is found after it.
        assert answer.status_int in (200, 204, 403, 409, 412), answer.text
