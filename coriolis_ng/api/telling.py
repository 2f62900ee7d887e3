# SPDX-License-Identifier: Apache-2.0
"""What is told of each request from outside of everything that may refuse
it: a line of the audit log where it may change something, and the metrics.

The fields of a line are those of CADF (DMTF DSP0262). Bodies and queries
are never told; of an answer only the id of what was made.
"""

from __future__ import annotations

import datetime
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from oslo_middleware import request_id

from coriolis_ng import context, metrics
from coriolis_ng.api.site import ROUTE
from coriolis_ng.auth import WsgiApp

AUDIT = logging.getLogger('coriolis_ng.audit')

READS = frozenset({'GET', 'HEAD', 'OPTIONS'})
_VERBS = {'POST': 'create', 'PUT': 'update', 'DELETE': 'delete'}
_SPAM = 200  # characters of what a client may choose freely
_BODY = 1 << 20


class Telling:
    """The last filter: it sees the status that the client gets."""

    def __init__(self, application: WsgiApp) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        context.begin({'request_id': environ.get(request_id.ENV_REQUEST_ID)})
        begun = time.monotonic()
        told: list[str] = []

        def started(status: str, *rest: Any) -> Any:
            told[:] = [status.split(' ', 1)[0]]
            return start_response(status, *rest)

        try:
            answer = self._application(environ, started)
        finally:
            status = told[0] if told else '500'
            _count(environ, status, time.monotonic() - begun)
        if environ['REQUEST_METHOD'] not in READS:
            AUDIT.info('%s', _line(environ, status, answer))
        context.begin({})
        return answer


def _count(environ: dict[str, Any], status: str, seconds: float) -> None:
    route = environ.get(ROUTE)
    # Whoever asks may choose paths and verbs: they are no labels.
    verb = route.verb if route else 'other'
    path = route.path if route else 'other'
    if route and route.action:
        path = f'{path}#{route.action}'
    metrics.REQUESTS.labels(verb, path, status).inc()
    metrics.REQUEST_SECONDS.labels(verb, path).observe(seconds)


def _line(environ: dict[str, Any], status: str, answer: Any) -> str:
    good = status < '400'
    noun, action, id = _target(environ)
    if good and not id:
        id = _made(answer)
    event = {
        'typeURI': 'http://schemas.dmtf.org/cloud/audit/1.0/event',
        'id': str(uuid.uuid4()),
        'eventType': 'activity',
        'eventTime': datetime.datetime.now(datetime.UTC).isoformat(),
        'action': action,
        'outcome': 'success' if good else 'failure',
        'reason': {'reasonType': 'HTTP', 'reasonCode': status},
        'initiator': _initiator(environ),
        'target': {
            'typeURI': f'service/migration/{noun}',
            'id': id or 'unknown',
        },
        'observer': {'typeURI': 'service/migration', 'id': 'target'},
        'requestPath': _text(environ.get('PATH_INFO')),
        'requestMethod': _text(environ['REQUEST_METHOD']),
        'request_id': _text(environ.get(request_id.ENV_REQUEST_ID)),
    }
    return msgspec.json.encode(event).decode()


def _initiator(environ: dict[str, Any]) -> dict[str, Any]:
    caller = environ.get('coriolis.context')
    return {
        'typeURI': 'service/security/account/user',
        'id': (caller and caller.user_id) or 'unknown',
        'project_id': (caller and caller.project_id) or 'unknown',
        'host': {
            'address': _text(environ.get('REMOTE_ADDR')),
            'agent': _text(environ.get('HTTP_USER_AGENT')),
        },
    }


def _target(environ: dict[str, Any]) -> tuple[str, str, str]:
    """The resource's type, what was to be done to it, and its id."""
    parts = str(environ.get('PATH_INFO')).split('/')
    route = environ.get(ROUTE)
    if route is None or route.rule is None:
        # Refused before anybody knew what it is.
        noun = _text(parts[3]) if len(parts) > 3 else 'unknown'
        return noun, _VERBS.get(environ['REQUEST_METHOD'], 'unknown'), ''
    noun, _, action = route.rule.partition(':')
    ids = [
        given
        for name, given in zip(route.path.split('/'), parts, strict=False)
        if name.startswith('{') and name != '{project_id}'
    ]
    makes = action == 'create'
    return noun, action, '' if makes or not ids else _text(ids[-1])


def _made(answer: Any) -> str:
    """The id in ``{"transfer": {"id": ...}}``."""
    if not isinstance(answer, list | tuple):
        return ''
    body = b''.join(answer)
    try:
        plain = msgspec.json.decode(body) if len(body) < _BODY else None
    except msgspec.DecodeError:
        return ''
    if isinstance(plain, dict):
        for value in plain.values():
            if isinstance(value, dict) and isinstance(value.get('id'), str):
                return _text(value['id'])
    return ''


def _text(value: Any) -> str:
    """As JSON can hold it: WSGI gives bytes as characters."""
    return str(value or '')[:_SPAM].encode('utf-8', 'replace').decode()
