# SPDX-License-Identifier: Apache-2.0
"""What the service answers: dictionaries whose fields are attributes too."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar, Self


class Resource(dict[str, Any]):
    """A JSON object as it was answered, with typed attributes.

    ``transfer['notes']`` and ``transfer.notes`` are the same. Subclasses
    declare the attributes they know; what a newer service says besides is
    there as an item. ``parts`` names the fields that hold other resources,
    alone or in a list.
    """

    parts: ClassVar[Mapping[str, type[Resource]]] = {}

    id: str
    # Of a transfer or endpoint that was got: for an update that is refused
    # when somebody else was faster.
    etag: str = ''

    def __init__(self, plain: Mapping[str, Any]) -> None:
        super().__init__(plain)
        for name, kind in self.parts.items():
            value = self.get(name)
            if isinstance(value, list):
                self[name] = [kind(one) for one in value]
            elif isinstance(value, dict):
                self[name] = kind(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f'{type(self).__name__} has no "{name}" in this answer'
            ) from None

    def __repr__(self) -> str:
        said = self.get('name') or self.get('id') or f'{len(self)} fields'
        return f'<{type(self).__name__} {said}>'

    def at(self, name: str) -> datetime.datetime | None:
        """A field with a time, such as ``created_at``, aware and in UTC."""
        text = self.get(name)
        if not text:
            return None
        time = datetime.datetime.fromisoformat(text)
        return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)

    def copy(self) -> Self:
        """Another one with the same fields."""
        return type(self)(self)


class Stamped(Resource):
    """What is kept in the database; times are read best with ``at``."""

    created_at: str | None
    updated_at: str | None
