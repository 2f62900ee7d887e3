# SPDX-License-Identifier: Apache-2.0
"""Requests, answers and errors of the library."""

from __future__ import annotations

import datetime
import json
import pathlib
import socket

import pytest
from keystoneauth1 import session as sessions

from coriolis_ng import client as library
from coriolis_ng.client import ApiError, Client, LocalToken
from coriolis_ng.client.executions import Execution
from coriolis_ng.client.transfers import Transfer
from tests.unit.client.conftest import Cut, Scripted, run, task


def test_a_resource_is_its_json_and_has_attributes(
    client: Client, service: Scripted
) -> None:
    plain = {
        'id': 't1',
        'instances': ['web1'],
        'created_at': '2026-11-20T10:00:00.000000',
        'updated_at': None,
        'of_tomorrow': 7,
    }
    service.says('GET', '/transfers/t1', {'transfer': plain})
    found = client.transfers.get('t1')
    assert isinstance(found, Transfer)
    assert found == plain
    assert json.loads(json.dumps(found)) == plain
    assert found.instances == ['web1']
    assert found['of_tomorrow'] == 7
    assert found.at('created_at') == datetime.datetime(
        2026, 11, 20, 10, tzinfo=datetime.UTC
    )
    assert found.at('updated_at') is None
    with pytest.raises(AttributeError, match='no "notes" in this answer'):
        _ = found.notes


def test_parts_are_resources_too(client: Client, service: Scripted) -> None:
    plain = run('ERROR', task(exception_details='The pool is full.'))
    service.says('GET', '/transfers/t1/executions/e1', {'execution': plain})
    found = client.executions.of('t1').get('e1')
    assert isinstance(found, Execution)
    assert found.tasks[0].task_type == 'REPLICATE_DISKS'
    assert found.causes == ['web1: The pool is full.']
    assert found.ended


def test_pages_are_fetched_when_they_are_needed(
    client: Client, service: Scripted
) -> None:
    service.says(
        'GET',
        '/transfers?limit=2&status=ERROR',
        {'transfers': [{'id': 'a'}, {'id': 'b'}]},
    )
    service.says(
        'GET',
        '/transfers?limit=2&marker=b&status=ERROR',
        {'transfers': [{'id': 'c'}]},
    )
    found = client.transfers.all(page=2, status='ERROR')
    assert next(found).id == 'a'
    assert len(service.asked) == 1
    assert [one.id for one in found] == ['b', 'c']
    assert len(service.asked) == 2


def test_a_list_of_an_older_service_has_an_end(
    client: Client, service: Scripted
) -> None:
    """One that knows no pages of it answers the whole of it each time."""
    two = {'replicas': [{'id': 'a'}, {'id': 'b'}]}
    three = {'replicas': [*two['replicas'], {'id': 'c'}]}
    service.says('GET', '/replicas?limit=2', two)
    service.says('GET', '/replicas?limit=2&marker=b', two)
    assert [one.id for one in client.replicas.all(page=2)] == ['a', 'b']
    service.says('GET', '/replicas?limit=2', three)
    assert [one.id for one in client.replicas.all(page=2)] == ['a', 'b', 'c']


def test_an_id_is_one_part_of_the_path(
    client: Client, service: Scripted
) -> None:
    service.says('DELETE', '/endpoints/a%2F%C5%BE%20b%3F', b'', status=204)
    client.endpoints.delete('a/ž b?')
    assert [one[:2] for one in service.asked] == [
        ('DELETE', '/endpoints/a%2F%C5%BE%20b%3F')
    ]


def test_what_is_not_said_is_not_sent(
    client: Client, service: Scripted
) -> None:
    service.says('POST', '/transfers', {'transfer': {'id': 't1'}})
    client.transfers.create(instances=['web1'], notes=None)
    verb, path, body, headers = service.asked[0]
    assert body == {'transfer': {'instances': ['web1']}}
    assert headers['X-Auth-Token'] == 'secret-token'


@pytest.mark.parametrize(
    ('status', 'kind'),
    [
        (400, 'BadRequest'),
        (401, 'Unauthorized'),
        (403, 'Forbidden'),
        (404, 'NotFound'),
        (409, 'Conflict'),
        (412, 'Conflict'),
        (413, 'OverLimit'),
        (500, 'ServerError'),
        (503, 'Unavailable'),
        (418, 'ApiError'),
    ],
)
def test_a_refusal_is_an_exception_of_its_kind(
    client: Client, service: Scripted, status: int, kind: str
) -> None:
    told = {'message': 'So not.', 'reason': 'word', 'field': '$.a'}
    service.says('GET', '/services', {'error': told}, status=status)
    with pytest.raises(ApiError) as caught:
        client.services.list()
    error = caught.value
    assert type(error) is getattr(library, kind)
    assert (error.status, error.code, error.field) == (status, 'word', '$.a')
    assert error.request_id == 'req-1'
    assert str(error) == f'So not. [$.a] (HTTP {status})'


def test_an_answer_that_is_no_json(client: Client, service: Scripted) -> None:
    service.says('GET', '/services', b'<html>hello</html>')
    with pytest.raises(ApiError, match='Is the endpoint right'):
        client.services.list()
    service.says('GET', '/services', b'<html>hello</html>', status=502)
    with pytest.raises(library.Unavailable, match='Bad Gateway'):
        client.services.list()


def test_an_answer_that_breaks_off_is_of_nobody_there(
    client: Client, service: Scripted
) -> None:
    """So that whoever waits goes on to wait: the API was killed, say."""
    service.says('GET', '/transfers', Cut(b'{"transfers": ['))
    with pytest.raises(library.Unreachable, match='The answer broke off'):
        client.transfers.list()


def test_nobody_there() -> None:
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{sock.getsockname()[1]}/v1/p1'
    made = Client(sessions.Session(auth=LocalToken(url, token='x')))
    with pytest.raises(library.Unreachable) as caught:
        made.services.list()
    assert str(caught.value) == (
        f'Nobody answers at {url}/services: Connection refused.'
    )


def test_a_token_that_was_changed_is_read_again(
    client: Client, service: Scripted, token_file: pathlib.Path
) -> None:
    fault = {'error': {'message': 'no'}}
    service.says('GET', '/services', {'services': []})
    client.services.list()
    service.says('GET', '/services', (401, fault), (200, {'services': []}))
    token_file.write_text('another\n')
    assert client.services.list() == []
    assert [one[3]['X-Auth-Token'] for one in service.asked] == [
        'secret-token',
        'secret-token',
        'another',
    ]


@pytest.mark.parametrize(
    'content', ['', ' \n', 'two words', 'first\nsecond', 'žluť', '\x00\xff']
)
def test_a_file_that_is_no_token_is_not_shown(
    tmp_path: pathlib.Path, content: str
) -> None:
    file = tmp_path / 'token'
    file.write_text(content)
    plugin = LocalToken('http://127.0.0.1:1', token_file=file)
    with pytest.raises(ApiError) as caught:
        plugin.get_token(sessions.Session())
    assert caught.value.code == 'no_token'
    assert not content.strip() or content.strip() not in str(caught.value)


def test_events_are_followed_behind_the_last_one(
    client: Client, service: Scripted
) -> None:
    def event(id: str) -> bytes:
        return f'id: {id}\ndata: {{"id": "{id}"}}\n\n'.encode()

    service.says('GET', '/events', b': hello\n\n' + event('1') + event('2'))
    service.says('GET', '/events?marker=2', Cut(event('3') + b'id: 4'))
    service.says('GET', '/events?marker=3', event('4'))
    stream = client.events.follow()
    assert [next(stream).id for _ in range(4)] == ['1', '2', '3', '4']
    assert service.asked[0][3]['Accept'] == 'text/event-stream'


def test_an_update_is_bound_to_what_was_read(
    client: Client, service: Scripted
) -> None:
    service.says('PUT', '/transfers/t1', {'transfer': {'id': 't1'}})
    client.transfers.update('t1', etag='"7"', notes='x')
    assert service.asked[0][3]['If-Match'] == '"7"'
    assert service.asked[0][2] == {'transfer': {'notes': 'x'}}
    client.transfers.update('t1', notes='x')
    assert 'If-Match' not in service.asked[1][3]


def test_environments_go_in_base64(client: Client, service: Scripted) -> None:
    service.says(
        'GET',
        '/endpoints/e1/source-minion-pool-options?env=eyJhIjogMX0%3D',
        {'source_minion_pool_options': [{'name': 'x', 'values': [1]}]},
    )
    [found] = client.endpoints.options(
        'e1', 'source-minion-pool', env={'a': 1}
    )
    assert found.choices == [1]
