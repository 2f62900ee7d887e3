# SPDX-License-Identifier: Apache-2.0
"""How answers and errors cross the bus: always as one plain dict.

An error crosses as ``{code, message, field}`` and is raised on the other
side as the class of ``coriolis_ng.errors`` that has this code. The operator's
``detail`` never crosses: it was logged where it happened.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from coriolis_ng import errors
from coriolis_ng.objects import to_plain

Plain = dict[str, Any]


def pack(value: Any) -> Plain:
    """A good answer."""
    return {'value': to_plain(value)}


def pack_error(error: errors.CoriolisError) -> Plain:
    """An error as an answer."""
    return {
        'error': {
            'code': error.code,
            'message': error.message,
            'field': getattr(error, 'field', ''),
            'retryable': error.retryable,
        }
    }


def unpack(answer: Mapping[str, Any]) -> Any:
    """The plain value of an answer; raises the error it carries."""
    if 'error' in answer:
        raise to_error(answer['error'])
    return answer.get('value')


def to_error(plain: Mapping[str, Any]) -> errors.CoriolisError:
    """The error that ``{code, message, field}`` tells of.

    A code that nothing here knows (a provider's own, a newer release's)
    becomes a plain ``CoriolisError`` that keeps the code.
    """
    code = plain.get('code', '')
    message = plain.get('message', '')
    kind = _kinds().get(code)
    if kind is not None and issubclass(kind, errors.InvalidInput):
        return kind(message, field=plain.get('field', ''))
    retryable = plain.get('retryable')
    if kind is not None:
        return kind(message, retryable=retryable)
    error = errors.CoriolisError(message, retryable=retryable)
    error.code = code or error.code
    return error


@functools.cache
def _kinds() -> dict[str, type[errors.CoriolisError]]:
    """Only the classes of ``errors`` itself: others may take arguments
    that did not cross."""
    return {
        kind.code: kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CoriolisError)
    }
