# SPDX-License-Identifier: Apache-2.0
"""Errors as HTTP: which status, and the envelope that carries them."""

from __future__ import annotations

from typing import Any

import msgspec
import webob

from coriolis_ng import errors

_STATUS = {
    errors.InvalidInput.code: 400,
    # The endpoint's credentials, not the caller's token: a 401 would make
    # clients fetch a new token and ask again.
    errors.AuthFailed.code: 400,
    errors.Unsupported.code: 400,
    'unauthorized': 401,
    errors.Forbidden.code: 403,
    errors.NotFound.code: 404,
    errors.Conflict.code: 409,
    errors.Stale.code: 409,
    errors.Canceled.code: 409,
    errors.PreconditionFailed.code: 412,
    'too_large': 413,
    errors.QuotaExceeded.code: 413,
    'bad_media_type': 415,
    errors.NoWorker.code: 503,
    'too_many_streams': 503,
    errors.TooManyQuestions.code: 503,
    errors.Unreachable.code: 503,
}

_NAMES = {
    400: 'badRequest',
    401: 'unauthorized',
    403: 'forbidden',
    404: 'itemNotFound',
    405: 'badMethod',
    409: 'conflictingRequest',
    412: 'preconditionFailed',
    413: 'overLimit',
    415: 'badMediaType',
    429: 'overLimit',
    500: 'computeFault',
    501: 'notImplemented',
    503: 'serviceUnavailable',
}


class Unauthorized(errors.CoriolisError):
    """No token, or one that is not known."""

    code = 'unauthorized'


class TooLarge(errors.CoriolisError):
    """The body is larger than is accepted."""

    code = 'too_large'


class BadMediaType(errors.CoriolisError):
    """The body is not JSON, by its own declaration."""

    code = 'bad_media_type'


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """``code`` is the HTTP status, ``reason`` a stable word for programs,
    ``field`` where the input is wrong (``$.transfer.instances[0]``)."""

    fault: str
    code: int
    message: str
    reason: str
    field: str | None = None
    request_id: str | None = None


class FaultAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is an error."""

    error: Fault


def status_of(error: errors.CoriolisError) -> int:
    """500 for an error that is nobody's fault but ours."""
    return _STATUS.get(error.code, 500)


def response(
    status: int,
    message: str,
    reason: str,
    *,
    field: str = '',
    request_id: str | None = None,
) -> webob.Response:
    """The envelope as a response."""
    fault = Fault(
        fault=_NAMES.get(status, 'computeFault'),
        code=status,
        message=message,
        reason=reason,
        field=field or None,
        request_id=request_id,
    )
    body: Any = msgspec.json.encode(FaultAnswer(error=fault))
    answer = webob.Response(
        body=body, status=status, content_type='application/json'
    )
    if status in {429, 503}:
        answer.headers['Retry-After'] = '5'
    return answer
