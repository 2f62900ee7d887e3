# SPDX-License-Identifier: Apache-2.0
"""How an operation may end, as OpenAPI tells it: statuses, bodies and
headers, the errors too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from coriolis_ng.api.method import CHANGES, JSON, Route

Schemas = dict[Any, Any]

_IDS = ('X-Openstack-Request-Id', 'X-Compute-Request-Id')

HEADERS: dict[str, Any] = {
    'X-Openstack-Request-Id': {
        'description': 'The id of the request; the log has it.',
        'schema': {'type': 'string', 'pattern': '^req-'},
    },
    'X-Compute-Request-Id': {
        'description': 'The same, by the name that some clients know.',
        'schema': {'type': 'string', 'pattern': '^req-'},
    },
    'ETag': {
        'description': 'The version of what users can change, for If-Match.',
        'schema': {'type': 'string', 'pattern': '^"[0-9a-f]+"$'},
    },
    'Retry-After': {
        'description': 'Seconds after which it may be tried again.',
        'schema': {'type': 'string', 'pattern': '^[0-9]+$'},
    },
    'WWW-Authenticate': {
        'description': 'Where tokens come from, if anybody knows.',
        'schema': {'type': 'string'},
    },
}

_ERRORS = {
    400: 'The request is wrong, or the cloud refused its credentials.',
    401: 'There is no token, or it is not known.',
    403: 'Policy does not allow it, or something else needs it.',
    404: 'There is no such thing in this project, or no such route.',
    409: 'The state of the thing forbids it.',
    412: 'It was changed since it was read (If-Match).',
    413: 'The body is too large, or a quota is used up.',
    415: 'The body is not JSON.',
    500: 'A fault of the service; the log has it.',
    503: 'Nobody could do it just now.',
}


def components(fault: Any) -> dict[str, Any]:
    """The answers that are errors, by name."""
    return {
        f'Error{status}': {
            'description': text,
            'headers': _headers(*_more_headers(status)),
            'content': {JSON: {'schema': fault}},
        }
        for status, text in _ERRORS.items()
    }


def of(routes: list[Route], schemas: Schemas) -> dict[str, Any]:
    """All answers of the routes that share a path and a verb."""
    found = _good(routes, schemas)
    for status in sorted(_errors_of(routes)):
        name = f'Error{status}'
        found[str(status)] = {'$ref': f'#/components/responses/{name}'}
    return found


def _good(routes: list[Route], schemas: Schemas) -> dict[str, Any]:
    by_status: dict[int, list[Route]] = {}
    for route in routes:
        by_status.setdefault(route.status, []).append(route)
    return {
        str(status): _answer(several, schemas)
        for status, several in by_status.items()
    }


def _answer(routes: list[Route], schemas: Schemas) -> dict[str, Any]:
    tags = ['ETag'] if any(r.tagged and r.answer for r in routes) else []
    one: dict[str, Any] = {'description': 'Done.', 'headers': _headers(*tags)}
    kinds: list[Any] = []
    for route in routes:
        if route.answer is not None and schemas[route.answer] not in kinds:
            kinds.append(schemas[route.answer])
    if not kinds:
        return one
    shape = kinds[0] if len(kinds) == 1 else {'anyOf': kinds}
    content = {JSON: {'schema': shape}}
    others = {route.media for route in routes}
    others |= {route.stream for route in routes if route.stream}
    for media in sorted(others - {JSON}):
        content[media] = {'schema': {'type': 'string'}}
    one['content'] = content
    return one


def _errors_of(routes: Iterable[Route]) -> set[int]:
    found = {500, 503}
    for route in routes:
        if route.rule is None:
            continue
        found |= {400, 401, 403, 404}
        # The cloud behind an endpoint may refuse in its own way.
        asks_cloud = '{endpoint_id}/' in route.path
        if route.verb != 'GET' or asks_cloud:
            found |= {409, 413}
        if route.body is not None or route.action is not None:
            found |= {413, 415}
        if route.verb in CHANGES:
            found.add(412)
    return found


def _more_headers(status: int) -> list[str]:
    return {401: ['WWW-Authenticate'], 503: ['Retry-After']}.get(status, [])


def _headers(*names: str) -> dict[str, Any]:
    return {
        name: {'$ref': f'#/components/headers/{name}'}
        for name in (*_IDS, *names)
    }


def healthcheck() -> dict[str, Any]:
    """The operation of ``/healthcheck``, which is no controller's."""
    body = {
        'text/plain': {'schema': {'type': 'string'}},
        'text/html': {'schema': {'type': 'string'}},
        JSON: {
            'schema': {
                'type': 'object',
                'properties': {
                    'detailed': {'type': 'boolean'},
                    'reasons': {'type': 'array', 'items': {'type': 'string'}},
                },
                'required': ['reasons'],
            }
        },
    }
    return {
        'operationId': 'get_healthcheck',
        'summary': 'Tell whether this process can answer.',
        'tags': ['versions'],
        'security': [],
        'responses': {
            '200': {
                'description': 'It can.',
                'headers': _headers(),
                'content': body,
            },
            '503': {
                'description': 'Its database or its bus is away.',
                'headers': _headers(),
                'content': body,
            },
        },
    }
