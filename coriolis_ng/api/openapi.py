# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document, made of what the decorator collected.

``python -m coriolis_ng.api.openapi`` prints it.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from coriolis_ng import version
from coriolis_ng.api import outcomes
from coriolis_ng.api.faults import FaultAnswer
from coriolis_ng.api.method import CHANGES, TABLE, Route

_REF = '#/components/schemas/{name}'
_ID = re.compile(r'\{(\w+)\}')


_IF_MATCH = {
    'name': 'If-Match',
    'in': 'header',
    'required': False,
    'description': 'The ETag of what was read (or several, or *): if it was '
    'changed since, nothing is changed.',
    'schema': {'type': 'string'},
}
_HEADERS_OF_STREAMS = (
    {
        'name': 'Last-Event-ID',
        'in': 'header',
        'required': False,
        'description': 'The last event seen; a stream goes on after it.',
        'schema': {'type': 'string', 'pattern': '^[0-9]{1,18}$'},
    },
)


@functools.cache
def document() -> dict[str, Any]:
    """The whole document; made once, never changed."""
    # The routes are collected where the controllers are defined.
    importlib.import_module('coriolis_ng.api.v1.root')
    kinds = list(
        dict.fromkeys(
            kind
            for route in TABLE
            for kind in (route.query, route.body, route.answer)
            if kind is not None
        )
    )
    made, components = msgspec.json.schema_components(
        [*kinds, FaultAnswer], ref_template=_REF
    )
    schemas = dict(zip([*kinds, FaultAnswer], made, strict=True))
    paths: dict[str, Any] = {}
    for path, verb, routes in _grouped(TABLE):
        operation = _operation(routes, schemas, components)
        entry = paths.setdefault(path, {'parameters': _ids(path)})
        entry[verb.lower()] = operation
    paths['/healthcheck'] = {'get': outcomes.healthcheck()}
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'coriolis_ng',
            'version': version.release(),
            'summary': 'Replicates virtual machines between clouds and '
            'deploys them',
            'license': {
                'name': 'Apache-2.0',
                'identifier': 'Apache-2.0',
            },
        },
        'paths': paths,
        'components': {
            'schemas': components,
            'responses': outcomes.components(schemas[FaultAnswer]),
            'headers': outcomes.HEADERS,
            'securitySchemes': {
                'token': {
                    'type': 'apiKey',
                    'in': 'header',
                    'name': 'X-Auth-Token',
                }
            },
        },
    }


def _grouped(
    table: Iterable[Route],
) -> Iterable[tuple[str, str, list[Route]]]:
    """Actions share a path and a verb."""
    groups: dict[tuple[str, str], list[Route]] = {}
    for route in table:
        groups.setdefault((route.path, route.verb), []).append(route)
    return [(path, verb, found) for (path, verb), found in groups.items()]


def _operation(
    routes: list[Route], schemas: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    first = routes[0]
    public = first.rule is None
    made: dict[str, Any] = {
        'operationId': _name(first),
        'summary': ' / '.join(route.summary for route in routes),
        'tags': [_noun(first)],
        'responses': outcomes.of(routes, schemas),
        'security': [] if public else [{'token': []}],
    }
    parameters = list(_HEADERS_OF_STREAMS) if first.stream else []
    if first.query is not None:
        parameters += _parameters(schemas[first.query], components)
    if first.tagged and first.verb in CHANGES:
        parameters.append(_IF_MATCH)
    if parameters:
        made['parameters'] = parameters
    if first.action is not None:
        made['requestBody'] = _content(
            {'oneOf': [_action(route, schemas) for route in routes]}
        )
    elif first.body is not None:
        made['requestBody'] = _content(schemas[first.body])
    return made


def _action(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    assert route.action is not None
    shape: Any = {}
    if route.body is not None:
        shape = {'anyOf': [schemas[route.body], {'type': 'null'}]}
    return {
        'type': 'object',
        'title': route.action,
        'description': route.summary,
        'properties': {route.action: shape},
        'required': [route.action],
        'additionalProperties': False,
    }


def _content(shape: Any) -> dict[str, Any]:
    return {
        'required': True,
        'content': {'application/json': {'schema': shape}},
    }


def _ids(path: str) -> list[dict[str, Any]]:
    return [
        {
            'name': name,
            'in': 'path',
            'required': True,
            'schema': {'type': 'string', 'minLength': 1},
        }
        for name in _ID.findall(path)
    ]


def _parameters(
    reference: dict[str, Any], components: dict[str, Any]
) -> list[dict[str, Any]]:
    shape = components[reference['$ref'].rsplit('/', 1)[1]]
    return [
        {
            'name': name,
            'in': 'query',
            'required': False,
            'schema': _without_null(one),
        }
        for name, one in shape['properties'].items()
    ]


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    """A parameter has a value or is not there."""
    made = {k: v for k, v in shape.items() if v is not None or k != 'default'}
    kinds = [one for one in made.get('anyOf', []) if one != {'type': 'null'}]
    if 'enum' in made:
        made['enum'] = [one for one in made['enum'] if one is not None]
    if not kinds:
        return made
    del made['anyOf']
    return (
        {**made, **kinds[0]} if len(kinds) == 1 else {**made, 'anyOf': kinds}
    )


def _noun(route: Route) -> str:
    return route.rule.split(':')[0] if route.rule else 'versions'


def _name(route: Route) -> str:
    """Unique: the verb and the words of the path."""
    words = re.findall(r'[A-Za-z0-9]+', route.path)
    return '_'.join([route.verb.lower(), *words])


if __name__ == '__main__':
    text = msgspec.json.format(msgspec.json.encode(document()), indent=2)
    sys.stdout.write(text.decode() + '\n')
