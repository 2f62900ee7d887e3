# SPDX-License-Identifier: Apache-2.0
"""From bytes and query strings to typed requests; errors name the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from coriolis_ng import errors
from coriolis_ng.api.schemas import parts

T = TypeVar('T')

# Query parameters that may be repeated.
_REPEATED = frozenset({'sort_key', 'sort_dir'})

_PATH = re.compile(r'\$([^`]*)`$')
_NAMED = re.compile(r'(?:required field|unknown field) `(.+?)`')


def decode_body(kind: type[T], raw: Any, *, field: str = '$') -> T:
    """The body as ``kind``; ``raw`` is the bytes of a whole body, or the
    plain value found at ``field`` of one.

    Raises ``InvalidInput`` with a path such as
    ``$.transfer.instances[0]``.
    """
    try:
        if isinstance(raw, bytes):
            if not raw:
                raise errors.InvalidInput('The request needs a body.')
            return msgspec.json.decode(raw, type=kind)
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), field) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.InvalidInput(
            'Malformed request body', field='$', detail=str(error)
        ) from None


def decode_query(kind: type[T], given: Mapping[str, Sequence[str]]) -> T:
    """Query parameters as ``kind``, a Struct. Unknown ones are ignored:
    deployed clients send names that no release ever knew."""
    known: dict[str, Any] = {
        name: list(values) if name in _REPEATED else values[-1]
        for name, values in given.items()
    }
    try:
        return msgspec.convert(known, kind, strict=False)
    except msgspec.ValidationError as error:
        found = _invalid(str(error), '$')
        raise errors.InvalidInput(
            f'Invalid query parameter: {found.message}', field=found.field
        ) from None


def _invalid(text: str, start: str) -> errors.InvalidInput:
    # Such as "Expected `int` - at `$.a[0]`", and for the keys of an object
    # "... - at `key` in `$.a`".
    message, _, place = text.partition(' - at `')
    found = _PATH.search(place)
    path = start + (found.group(1) if found else '')
    if repr(parts.VISIBLE) in message or parts.VISIBLE in message:
        message = (
            'Expected something to see, in one line without control characters'
        )
    if named := _NAMED.search(message):
        path = f'{path}.{named.group(1)}'
    return errors.InvalidInput(f'{message} (at {path})', field=path)
