# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from coriolis_ng.api import openapi
from coriolis_ng.api.method import TABLE
from tests.unit.api.checker import Broken, check

ROOT = pathlib.Path(__file__).parents[3]


def test_every_route_is_there_with_request_and_answer() -> None:
    document = openapi.document()
    ids = []
    for route in TABLE:
        operation = document['paths'][route.path][route.verb.lower()]
        assert route.summary in operation['summary']
        assert route.summary.endswith('.')
        assert str(route.status) in operation['responses']
        takes_body = route.body is not None or route.action is not None
        assert ('requestBody' in operation) == takes_body
        assert route.answer is not None or route.status == 204
        ids.append((route.path, route.verb, operation['operationId']))
    assert len({one[2] for one in ids}) == len(set(ids))


def test_all_schemas_are_schemas_and_all_references_lead_somewhere() -> None:
    document = openapi.document()
    for schema in document['components']['schemas'].values():
        jsonschema.Draft202012Validator.check_schema(schema)

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if '$ref' in value:
                kind, name = value['$ref'].split('/')[2:]
                assert name in document['components'][kind]
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(document)


def test_every_error_is_declared_with_its_headers() -> None:
    document = openapi.document()
    found = document['paths']['/v1/{project_id}/endpoints/{endpoint_id}']
    assert set(found['put']['responses']) == {
        *('200', '400', '401', '403', '404', '409', '412', '413', '415'),
        *('500', '503'),
    }
    assert set(found['get']['responses']) == {
        *('200', '400', '401', '403', '404', '500', '503'),
    }
    assert 'ETag' in found['put']['responses']['200']['headers']
    assert 'If-Match' in {one['name'] for one in found['put']['parameters']}
    error = document['components']['responses']['Error503']
    assert 'Retry-After' in error['headers']
    assert list(error['content']) == ['application/json']
    public = document['paths']['/']['get']['responses']
    assert set(public) == {'200', '500', '503'}


def test_a_parameter_is_never_null() -> None:
    for path in openapi.document()['paths'].values():
        for operation in path.values():
            if isinstance(operation, dict):
                for one in operation.get('parameters', []):
                    kinds = one['schema'].get('anyOf', [])
                    assert {'type': 'null'} not in kinds
                    assert None not in one['schema'].get('enum', [])


def test_events_are_declared_as_a_stream_too() -> None:
    events = openapi.document()['paths']['/v1/{project_id}/events']['get']
    assert set(events['responses']['200']['content']) == {
        'application/json',
        'text/event-stream',
    }
    assert events['parameters'][0]['name'] == 'Last-Event-ID'


def test_requests_refuse_what_they_do_not_know() -> None:
    schemas = openapi.document()['components']['schemas']
    assert schemas['NewTransfer']['additionalProperties'] is False
    assert schemas['CreateEndpoint']['additionalProperties'] is False


def test_it_can_be_printed() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'coriolis_ng.api.openapi'],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    plain = json.loads(json.dumps(openapi.document()))
    assert json.loads(done.stdout) == plain


@pytest.mark.parametrize(
    ('verb', 'path', 'status', 'body'),
    [
        ('GET', '/v1/p/endpoints', 200, b'{"endpoints": [{}]}'),
        ('GET', '/v1/p/endpoints', 200, b'{"endpoints": [], "x": 1}'),
        ('GET', '/v1/p/endpoints', 201, b'{"endpoints": []}'),
        ('GET', '/v1/p/nope', 200, b'{}'),
        ('GET', '/v1/p/nope', 404, b'{}'),
        ('DELETE', '/v1/p/endpoints/x', 204, b'{}'),
    ],
)
def test_the_checker_notices(
    verb: str, path: str, status: int, body: bytes
) -> None:
    with pytest.raises(Broken):
        check(openapi.document(), verb, path, status, body)
