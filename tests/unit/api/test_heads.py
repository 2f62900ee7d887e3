# SPDX-License-Identifier: Apache-2.0
"""HEAD answers as GET does, without the body."""

from __future__ import annotations

import webtest

from coriolis_ng.api import openapi
from coriolis_ng.api.method import TABLE, Route
from tests.unit.api.conftest import Made, World
from tests.unit.api.everything import ids_of, url_of

READS = [
    path for path, one in openapi.document()['paths'].items() if 'get' in one
]
ROUTES = {route.path: route for route in TABLE if route.verb == 'GET'}


def test_head_is_a_get_without_a_body(world: World, made: Made) -> None:
    ids = ids_of(world, made)
    app = webtest.TestApp(world.plain)
    token = {'X-Auth-Token': world.tokens['p1', 'admin']}
    seen = set()
    for path in READS:
        other = Route(verb='GET', path=path, rule='', summary='')
        url = url_of(ROUTES.get(path, other), ids)
        full = app.get(url, headers=token, status='*')
        head = app.head(url, headers=token, status='*')
        assert head.body == b'', path
        if path == '/healthcheck':
            assert head.status_int in (200, 204)
            continue
        seen.add(full.status_int)
        assert head.status_int == full.status_int, path
        for name in ('Content-Type', 'Content-Length', 'ETag'):
            assert head.headers.get(name) == full.headers.get(name), path
        if '{project_id}' in path:
            # Refusals, too.
            app.head(url, status=401)
    assert 200 in seen
    assert len(READS) > 50


def test_head_of_a_stream_opens_none(world: World) -> None:
    app = webtest.TestApp(world.plain)
    headers = {
        'X-Auth-Token': world.tokens['p1', 'admin'],
        'Accept': 'text/event-stream',
    }
    for _ in range(100):
        answer = app.head('/v1/p1/events', headers=headers)
        assert answer.content_type == 'text/event-stream'
        assert answer.body == b''


def test_head_is_no_other_verb(world: World) -> None:
    app = webtest.TestApp(world.plain)
    token = {'X-Auth-Token': world.tokens['p1', 'admin']}
    for path in ('transfers/none/actions', 'nothing', 'transfers/none'):
        answer = app.head(f'/v1/p1/{path}', headers=token, status=404)
        assert answer.body == b''
