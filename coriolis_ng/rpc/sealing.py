# SPDX-License-Identifier: Apache-2.0
"""Hides what a call of the API carries that nobody else may read: connection
information, user scripts, and the caller's token.

Each travels as one string that only the conductors' key opens. The other
way nothing secret travels at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from coriolis_ng import errors

# Whatever stands under these names, at any depth of an argument.
FIELDS = frozenset({'connection_info', 'user_scripts'})
TOKEN = 'token'  # noqa: S105 - the name of a field of the context
MARK = '$sealed'
_DEEPEST = 8  # of what we send ourselves; the rest is left alone

Plain = dict[str, Any]
Seal = Callable[[str, bytes], str]


class Sealer:
    """The API's side. ``seal`` encrypts for a public key, ``ask_key`` asks
    a conductor for it; with ``tokens`` the caller's token goes along."""

    def __init__(
        self, seal: Seal, ask_key: Callable[[], str], *, tokens: bool
    ) -> None:
        self._seal = seal
        self._ask_key = ask_key
        self._tokens = tokens
        self._lock = threading.Lock()
        self._key = ''

    def close(
        self, context: Mapping[str, Any], args: Plain
    ) -> tuple[Plain, Plain]:
        """The context and the arguments as they may be sent."""
        kept = dict(context)
        token = kept.pop(TOKEN, None)
        if token and self._tokens:
            kept[TOKEN] = self._sealed(token)
        return kept, {name: self._walk(one, 0) for name, one in args.items()}

    def forget(self) -> None:
        """The conductors have another key by now."""
        with self._lock:
            self._key = ''

    def _walk(self, value: Any, depth: int) -> Any:
        if not isinstance(value, dict) or depth > _DEEPEST:
            return value
        return {
            name: self._sealed(one)
            if name in FIELDS and one
            else self._walk(one, depth + 1)
            for name, one in value.items()
        }

    def _sealed(self, value: Any) -> Plain:
        with self._lock:
            self._key = self._key or self._ask_key()
            key = self._key
        return {MARK: self._seal(key, msgspec.json.encode(value))}


def unsealed(
    open_: Callable[[str], bytes], context: Mapping[str, Any], args: Plain
) -> tuple[Plain, Plain]:
    """What :meth:`Sealer.close` was given. Raises ``CorruptData`` for what
    was sealed to another key."""
    kept = dict(context)
    if is_sealed(kept.get(TOKEN)):
        kept[TOKEN] = _opened(open_, kept[TOKEN])
    return kept, {name: _walk(open_, one, 0) for name, one in args.items()}


def is_sealed(value: Any) -> bool:
    """Whether a value is one of our envelopes."""
    return (
        isinstance(value, dict)
        and value.keys() == {MARK}
        and isinstance(value[MARK], str)
    )


def _walk(open_: Callable[[str], bytes], value: Any, depth: int) -> Any:
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value
    return {
        name: _opened(open_, one)
        if name in FIELDS and is_sealed(one)
        else _walk(open_, one, depth + 1)
        for name, one in value.items()
    }


def _opened(open_: Callable[[str], bytes], value: Plain) -> Any:
    try:
        return msgspec.json.decode(open_(value[MARK]))
    except msgspec.DecodeError:
        raise errors.CorruptData('a sealed argument is no JSON') from None
