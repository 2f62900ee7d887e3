# SPDX-License-Identifier: Apache-2.0
"""The base of everything that crosses a boundary, and how it is encoded."""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

import msgspec

from coriolis_ng import errors

T = TypeVar('T')


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable, typed value.

    Unknown fields are ignored and new fields must have defaults, so that
    releases can mix; the REST boundary refuses unknown fields by itself.
    """


def new_id() -> str:
    """A fresh random identifier, a UUID in its usual spelling."""
    return str(uuid.uuid4())


def to_plain(value: Any) -> Any:
    """``value`` as dicts, lists, strings and numbers, ready for JSON."""
    return msgspec.to_builtins(value)


def from_plain(kind: type[T], plain: Any) -> T:
    """The typed value of what :func:`to_plain` gave.

    Raises ``InvalidInput`` whose ``field`` is a path such as
    ``$.disks[3].size``.
    """
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(' - at `')
        raise InvalidValue(text, field=path.rstrip('`') or '$') from None


class InvalidValue(errors.InvalidInput):
    """A value that does not have the shape it should have."""
