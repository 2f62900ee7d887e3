# SPDX-License-Identifier: Apache-2.0
"""ETag and If-Match: nobody overwrites what he has not seen."""

from __future__ import annotations

from typing import Any

import pytest
import webtest

from tests.unit.api.conftest import Made, World


class Caller:
    """Sends what it is told to, with headers."""

    def __init__(self, world: World) -> None:
        self._app = webtest.TestApp(world.checker)
        self._token = {'X-Auth-Token': world.tokens['p1', 'member']}

    def get(self, url: str) -> str:
        answer = self._app.get(f'/v1/p1{url}', headers=self._token)
        return str(answer.headers['ETag'])

    def put(
        self, url: str, body: Any, match: str | None = None, status: int = 200
    ) -> webtest.TestResponse:
        more = {} if match is None else {'If-Match': match}
        return self._app.put_json(
            f'/v1/p1{url}', body, headers={**self._token, **more},
            status=status,
        )  # fmt: skip


@pytest.mark.parametrize('noun', ['transfer', 'endpoint'])
def test_a_change_is_bound_to_what_was_read(
    world: World, made: Made, noun: str
) -> None:
    id = made.transfer['id'] if noun == 'transfer' else made.origin['id']
    url = f'/{noun}s/{id}'
    name = 'notes' if noun == 'transfer' else 'description'
    caller = Caller(world)
    first = caller.get(url)
    answer = caller.put(url, {noun: {name: 'mine'}}, first)
    second = answer.headers['ETag']
    assert second == caller.get(url) != first
    refused = caller.put(url, {noun: {name: 'theirs'}}, first, 412)
    error = refused.json['error']
    assert error['fault'] == 'preconditionFailed'
    assert error['reason'] == 'precondition_failed'
    assert caller.get(url) == second
    caller.put(url, {noun: {name: 'a'}}, f'"x", {second}')
    caller.put(url, {noun: {name: 'b'}}, '*')
    caller.put(url, {noun: {name: 'c'}})
    for wrong in ('', 'x', '"x"', f'W/{caller.get(url)}'):
        caller.put(url, {noun: {name: 'd'}}, wrong, 412)
