# SPDX-License-Identifier: Apache-2.0
"""Checks every answer against the OpenAPI document, as a WSGI filter.

It looks at the document only, never at the types that the answers were made
of, so it would notice a document that tells another story.
"""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import webob
import webob.dec


class Broken(AssertionError):
    """An answer that the document does not allow."""


def check(
    document: dict[str, Any], verb: str, path: str, status: int, body: bytes
) -> str | None:
    """The path template that the answer belongs to; None for an answer to
    a URL that is not in the document, which must be an error."""
    found = _find(document, verb, path)
    if found is None:
        shape: Any = {'$ref': '#/components/schemas/FaultAnswer'}
        if status < 400:
            raise Broken(f'{verb} {path} is not in the document: {status}')
        template = None
    else:
        template, operation = found
        responses = operation['responses']
        response = responses.get(str(status))
        if response is None:
            raise Broken(f'{verb} {template}: {status} is not declared')
        if '$ref' in response:
            name = response['$ref'].rsplit('/', 1)[1]
            response = document['components']['responses'][name]
        content = response.get('content')
        if content is None:
            if body:
                raise Broken(f'{verb} {template}: a body with {status}')
            return template
        shape = content['application/json']['schema']
        if len(content) > 1 and not body.startswith(b'"'):
            # Text that is no JSON, which nothing more is said about.
            return template
    value = json.loads(body)
    errors = list(
        jsonschema.Draft202012Validator(
            {**shape, 'components': document['components']}
        ).iter_errors(value)
    )
    if errors:
        raise Broken(f'{verb} {path}: {errors[0].message}: {value}')
    _no_more(document, shape, value, f'{verb} {path}')
    return template


def _no_more(
    document: dict[str, Any], shape: Any, value: Any, where: str
) -> None:
    """Objects may not hold more than their schema names."""
    if '$ref' in shape:
        name = shape['$ref'].rsplit('/', 1)[1]
        _no_more(
            document, document['components']['schemas'][name], value, where
        )
    elif isinstance(value, dict) and 'properties' in shape:
        more = set(value) - set(shape['properties'])
        if more:
            raise Broken(f'{where}: undeclared {sorted(more)}')
        for name, one in value.items():
            _no_more(document, shape['properties'][name], one, where)
    elif isinstance(value, list) and 'items' in shape:
        for one in value:
            _no_more(document, shape['items'], one, where)


def _find(
    document: dict[str, Any], verb: str, path: str
) -> tuple[str, dict[str, Any]] | None:
    plain = path.rstrip('/') or '/'
    # Words before names: /transfers/detail is no transfer.
    for template in sorted(document['paths'], key=lambda p: p.count('{')):
        pattern = re.sub(r'\\\{\w+\\\}', '[^/]+', re.escape(template))
        operation = document['paths'][template].get(verb.lower())
        if operation and re.fullmatch(pattern, plain):
            return template, operation
    return None


class Checker:
    """``seen`` collects the operations that were answered well."""

    def __init__(self, application: Any, document: dict[str, Any]) -> None:
        self._application = application
        self._document = document
        self.seen: set[tuple[str, str]] = set()

    @webob.dec.wsgify
    def __call__(self, request: webob.Request) -> webob.Response:
        verb = request.method
        path = request.environ['PATH_INFO'].encode('latin-1')
        path = path.decode(errors='replace')
        answer = request.get_response(self._application)
        if path == '/healthcheck' or verb == 'HEAD':
            return answer
        template = check(
            self._document, verb, path, answer.status_int, answer.body
        )
        if template and answer.status_int < 400:
            self.seen.add((verb, template))
        return answer
