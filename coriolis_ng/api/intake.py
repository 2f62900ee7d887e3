# SPDX-License-Identifier: Apache-2.0
"""Takes query and body off a request before pecan sees it.

pecan fills arguments of controllers by name from both, and takes another
verb from ``?_method=``; here only the decorator of ``method`` reads them, and
types decide what they may hold.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from coriolis_ng.api import faults
from coriolis_ng.auth import WsgiApp

MAX_BODY = 4 * 1024 * 1024  # user scripts are the largest thing sent

BODY = 'coriolis.body'
QUERY = 'coriolis.query'
ACCEPT = 'coriolis.accept'

_FORMS = ('application/x-www-form-urlencoded', 'multipart/', 'text/')


class Intake:
    """Bounds the body, refuses forms, and hides both from pecan."""

    def __init__(self, application: WsgiApp) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        body = _body(environ)
        kind = environ.pop('CONTENT_TYPE', '') or ''
        # keystoneauth and curl send a form's type with no body at all.
        if body and kind.lower().startswith(_FORMS):
            raise faults.BadMediaType('The body must be application/json.')
        environ[BODY] = body
        environ[QUERY] = environ.get('QUERY_STRING', '')
        environ[ACCEPT] = environ.get('HTTP_ACCEPT', '')
        environ['QUERY_STRING'] = ''
        environ['wsgi.input'] = io.BytesIO()
        environ['CONTENT_LENGTH'] = '0'
        environ.pop('HTTP_TRANSFER_ENCODING', None)
        return self._application(environ, start_response)


def _body(environ: dict[str, Any]) -> bytes:
    length = environ.get('CONTENT_LENGTH') or ''
    source = environ['wsgi.input']
    if length.isdigit():
        wanted = min(int(length), MAX_BODY + 1)
    elif environ.get('wsgi.input_terminated'):
        wanted = MAX_BODY + 1
    else:
        return b''
    body = source.read(wanted) if wanted else b''
    if len(body) > MAX_BODY:
        raise faults.TooLarge(f'The body is larger than {MAX_BODY} bytes.')
    return body
