# SPDX-License-Identifier: Apache-2.0
"""The bases and the small types that all nouns share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from coriolis_ng.db.page import Page


class Request(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A body or a part of one."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Query parameters; unknown ones are ignored."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


# Control characters are in no name; all else is: slashes, spaces, any script.
_PRINTABLE = r'^[^\x00-\x1f\x7f]*$'

# And a name has something to see in it.
VISIBLE = r'^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$'

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=VISIBLE)]
Word = Annotated[str, Meta(min_length=1, max_length=64, pattern=VISIBLE)]
Id = Annotated[str, Meta(min_length=1, max_length=36, pattern=_PRINTABLE)]
Text = Annotated[str, Meta(max_length=16384)]
Time = Annotated[
    str,
    Meta(
        pattern=r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$',
        description='UTC, such as 2026-11-20T10:00:00.000000',
    ),
]
Json = dict[str, Any]
Direction = Literal['asc', 'desc']


class Stamped(Answer, kw_only=True):
    """What every object carries; ``deleted`` is ``"0"`` for what exists."""

    created_at: Time | None
    updated_at: Time | None
    deleted_at: Time | None = None
    deleted: str = '0'


class PageQuery(Query):
    """A page of a list. ``limit`` over 1000 gives 1000; ``sort_key`` and
    ``sort_dir`` may be repeated, a missing direction is ``desc``."""

    limit: Annotated[int, Meta(ge=1)] | None = None
    marker: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    sort_key: list[str] = []
    sort_dir: list[Direction] = []

    def page(self, **filters: Any) -> Page:
        """For ``db``; filters that are None are left out."""
        return Page(
            limit=min(self.limit or Page().limit, Page().limit),
            marker=self.marker,
            sort=self._sort() or Page().sort,
            filters=filters,
        )

    def _sort(self) -> tuple[tuple[str, str], ...]:
        ways = [*self.sort_dir, *['desc'] * len(self.sort_key)]
        return tuple(
            (_COLUMNS.get(key, key), way)
            for key, way in zip(self.sort_key, ways, strict=False)
        )


_COLUMNS = {
    'status': 'last_execution_state',
    'last_execution_status': 'last_execution_state',
}
