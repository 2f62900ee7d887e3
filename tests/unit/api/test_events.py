# SPDX-License-Identifier: Apache-2.0
"""Events in pages and as a stream."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import webob

from coriolis_ng import auth
from coriolis_ng.api.feed import FeedSettings
from coriolis_ng.api.site import GONE
from coriolis_ng.cmd.server import hung_up
from coriolis_ng.db import api as rows
from coriolis_ng.objects.execution import Cancel
from coriolis_ng.wsgi.api import make_application
from tests.unit.api.conftest import PROJECT, Client, Made, World


class Listener:
    """An application whose streams end soon, and who listens to it."""

    def __init__(self, world: World, **settings: Any) -> None:
        token, known = auth.issue(PROJECT, 'u', ['reader'])
        self._token = token
        self._app = make_application(
            world.database,
            world.conductor,
            auth=auth.LocalAuth(tokens=[known]),
            feed=FeedSettings(look_seconds=0.01, grace_seconds=0, **settings),
        )

    def open(
        self,
        query: str = '',
        last: str = '',
        gone: Callable[[], bool] | None = None,
    ) -> webob.Response:
        request = webob.Request.blank(f'/v1/{PROJECT}/events{query}')
        request.headers['X-Auth-Token'] = self._token
        request.headers['Accept'] = 'text/event-stream'
        if last:
            request.headers['Last-Event-ID'] = last
        if gone:
            request.environ[GONE] = gone
        return request.get_response(self._app)

    def read(self, **more: Any) -> list[dict[str, str]]:
        """All events until the stream ends."""
        answer = self.open(**more)
        assert answer.status_int == 200
        return list(parsed(b''.join(answer.app_iter)))


def parsed(text: bytes) -> Iterator[dict[str, str]]:
    """As the HTML standard says, without comments and times to wait."""
    for block in text.decode().split('\n\n'):
        fields = dict(
            line.split(': ', 1)
            for line in block.split('\n')
            if line and not line.startswith(':')
        )
        if 'id' in fields:
            yield fields


def execute(client: Client, made: Made) -> str:
    url = f'/transfers/{made.transfer["id"]}/executions'
    return str(client.post(url, {})['execution']['id'])


def test_pages(world: World, client: Client, made: Made) -> None:
    begin = client.get('/events')
    assert begin['events'] == []
    first = execute(client, made)
    second = execute(client, made)
    world.database.write(
        lambda s: rows.executions.ask_cancel(s, first, Cancel.GRACEFUL)
    )
    listener = Listener(world)  # a process that has looked at nothing yet
    del listener
    app = World(world.database).client()
    page = app.get(f'/events?marker={begin["marker"]}&limit=2')
    assert [
        (one['execution_id'], one['type'], one['status'])
        for one in page['events']
    ] == [(first, 'execution', 'RUNNING'), (second, 'execution', 'RUNNING')]
    rest = app.get(f'/events?marker={page["marker"]}')
    assert [(e['execution_id'], e['status']) for e in rest['events']] == [
        (first, 'CANCELLING')
    ]
    again = app.get(f'/events?marker={rest["marker"]}')
    assert again == {'events': [], 'marker': rest['marker']}
    only = app.get(f'/events?execution_id={second}')['events']
    assert [one['execution_id'] for one in only] == [second]
    assert only[0]['transfer_id'] == made.transfer['id']
    assert app.get('/events?transfer_id=other')['events'] == []
    assert (
        World(world.database).client('reader', 'p2').get('/events')['events']
        == []
    )


@pytest.mark.parametrize('marker', ['x', '-1', '1.5', '9' * 30])
def test_what_is_no_marker(world: World, client: Client, marker: str) -> None:
    error = client.get(f'/events?marker={marker}', 400)['error']
    assert error['field'] == '$.marker'
    assert Listener(world).open(last=marker).status_int == 400


def test_a_stream_goes_on_after_the_last_one_seen(
    world: World, client: Client, made: Made
) -> None:
    listener = Listener(world, stream_seconds=0.3)
    execute(client, made)
    assert listener.read() == []  # from now on
    everything = listener.read(query='?marker=0')
    assert [one['event'] for one in everything] == ['execution']
    data = json.loads(everything[0]['data'])
    assert data['id'] == everything[0]['id']
    assert data['status'] == 'RUNNING'
    second = execute(client, made)
    rest = listener.read(last=everything[0]['id'])
    assert [json.loads(e['data'])['execution_id'] for e in rest] == [second]
    # The header is newer than the query of the first request.
    assert listener.read(query='?marker=0', last=rest[0]['id']) == []
    assert listener.read(last='999999999') == []


def test_a_stream_tells_what_happens_while_it_is_open(
    world: World, client: Client, made: Made
) -> None:
    answer = Listener(world, stream_seconds=60).open()
    assert answer.headers['Content-Type'].startswith('text/event-stream')
    assert answer.headers['Cache-Control'] == 'no-store'
    pieces = iter(answer.app_iter)
    assert next(pieces).startswith(b'retry: ')
    id = execute(client, made)
    (event,) = parsed(next(pieces))
    assert json.loads(event['data'])['execution_id'] == id
    answer.app_iter.close()
    assert list(pieces) == []


def test_silence_is_broken_by_comments(world: World) -> None:
    settings = {'stream_seconds': 60, 'heartbeat_seconds': 0.01}
    pieces = iter(Listener(world, **settings).open().app_iter)
    assert [next(pieces) for _ in range(3)][1:] == [b':\n\n', b':\n\n']


def test_only_so_many_at_once(world: World) -> None:
    listener = Listener(world, streams=1)
    one = listener.open()
    refused = listener.open()
    assert refused.status_int == 503
    assert refused.json['error']['reason'] == 'too_many_streams'
    assert refused.headers['Retry-After']
    one.app_iter.close()
    one.app_iter.close()
    assert listener.open().status_int == 200


def test_one_project_has_its_share(world: World) -> None:
    listener = Listener(world, streams=3, project_streams=1)
    one = listener.open()
    refused = listener.open()
    assert refused.status_int == 503
    assert refused.json['error']['reason'] == 'too_many_streams'
    assert 'of this project' in refused.json['error']['message']
    one.app_iter.close()
    assert listener.open().status_int == 200


def test_a_stream_ends_when_its_client_has_gone(world: World) -> None:
    ends, other = socket.socketpair()
    listener = Listener(world, streams=1, stream_seconds=60)
    answer = listener.open(gone=lambda: hung_up(ends))
    pieces = iter(answer.app_iter)
    next(pieces)
    assert not hung_up(ends)
    other.close()
    assert list(pieces) == []
    answer.app_iter.close()
    ends.close()
    assert listener.open().status_int == 200


def test_whoever_may_not_list_may_not_listen(world: World) -> None:
    request = webob.Request.blank(f'/v1/{PROJECT}/events')
    request.headers['Accept'] = 'text/event-stream'
    assert request.get_response(world.plain).status_int == 401
    request.headers['X-Auth-Token'] = world.tokens[PROJECT, 'nobody']
    assert request.get_response(world.plain).status_int == 403
