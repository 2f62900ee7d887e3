# SPDX-License-Identifier: Apache-2.0
"""What all nouns can do: list, page, get, create, update, delete, act."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, TypeVar

from coriolis_ng.client.api import Api, Json
from coriolis_ng.client.resource import Resource

R = TypeVar('R', bound=Resource)


def quoted(id: str) -> str:
    """An id or a name as one part of a path, whatever is in it."""
    return urllib.parse.quote(id, safe='')


def said(fields: Json) -> Json:
    """Without what was not said: None means "as the server likes"."""
    return {name: v for name, v in fields.items() if v is not None}


class Collection(Generic[R]):
    """A noun: its path, and the keys that wrap one and many.

    ``paged`` is False for lists that the service gives whole.
    """

    path: str
    one: ClassVar[str]
    many: ClassVar[str]
    paged: ClassVar[bool] = True
    kind: type[R]

    def __init__(self, api: Api, path: str = '') -> None:
        self.api = api
        if path:
            self.path = path

    def made(self, plain: Json) -> R:
        """The resource of that JSON."""
        return self.kind(plain)

    def list(self, **params: Any) -> list[R]:
        """One page: ``limit``, ``marker`` (the last id of the page before),
        ``sort_key`` and ``sort_dir`` (either may be a list), filters."""
        found = self.api.ask('GET', self.path, params=params)[self.many]
        return [self.made(one) for one in found]

    def all(self, page: int = 100, **params: Any) -> Iterator[R]:
        """Everything, fetched page by page as it is needed."""
        if not self.paged:
            yield from self.list(**params)
            return
        marker = None
        while True:
            found = self.list(limit=page, marker=marker, **params)
            # Releases that know no pages of a list give all of it.
            if not found or found[-1]['id'] == marker:
                return
            yield from found
            if len(found) != page:
                return
            marker = found[-1]['id']

    def get(self, id: str, **params: Any) -> R:
        """One, with its ``etag`` where it has one; raises ``NotFound``."""
        answer, etag = self.api.tagged(self.url(id), params)
        found = self.made(answer[self.one])
        found.etag = etag
        return found

    def create(self, **fields: Any) -> R:
        """A new one; fields that are None are left to the service."""
        body = {self.one: said(fields)}
        return self.made(self.api.ask('POST', self.path, body)[self.one])

    def update(self, id: str, etag: str | None = None, **fields: Any) -> R:
        """The changed one; fields that are None stay as they are. With an
        ``etag`` raises ``Conflict`` when it was changed since."""
        body = {self.one: said(fields)}
        headers = {'If-Match': etag} if etag else None
        answer = self.api.ask('PUT', self.url(id), body, headers=headers)
        return self.made(answer[self.one])

    def delete(self, id: str, **params: Any) -> None:
        """Away with it; raises ``Conflict`` when it is still used."""
        self.api.ask('DELETE', self.url(id), params=params)

    def act(self, id: str, action: str, value: Any = None) -> Any:
        """``POST .../actions`` with one key; the answer's JSON."""
        return self.api.ask('POST', f'{self.url(id)}/actions', {action: value})

    def url(self, id: str) -> str:
        """The path of one."""
        return f'{self.path}/{quoted(id)}'
