# SPDX-License-Identifier: Apache-2.0
"""ETag and If-Match: nobody overwrites what he has not seen."""

from __future__ import annotations

from typing import Any

import pytest
import webtest

from tests.unit.api.conftest import Made, World
from tests.unit.api.test_minion_pools import body as pool_body


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
    one = caller.post('/minion_pools', pool_body(made))[noun]
    return f'/minion_pools/{one["id"]}', {noun: {'notes': '{}'}}


@pytest.mark.parametrize(
    'noun', ['transfer', 'endpoint', 'schedule', 'region', 'minion_pool']
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
                name: number if name == 'minute' else text.format(number)
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
