# SPDX-License-Identifier: Apache-2.0
"""Pages of a list: a limit, a marker, sort keys and filters.

A page starts after the marker's row by comparing its sort keys, so a page
costs the same wherever it lies in the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.objects.value import Value

MAX = 1000


class Page(Value):
    """``limit`` is 1..1000; ``marker`` the id of the last row of the page
    before; ``sort`` pairs of key and ``asc`` or ``desc``."""

    limit: int = MAX
    marker: str | None = None
    sort: tuple[tuple[str, str], ...] = (('created_at', 'desc'),)
    filters: dict[str, Any] = {}


def select_page(
    session: Session,
    model: Any,
    page: Page,
    where: Sequence[sa.ColumnElement[bool]],
    allowed: Mapping[str, Any],
    what: Any = None,
) -> list[Any]:
    """The rows of a page; ``allowed`` are the columns that may be filtered
    by and sorted with, by their public names. ``what`` is a column to give
    in the place of whole rows.

    Raises ``InvalidInput`` naming limit, marker, sort or the filter.
    """
    conditions = [*where, *_filters(page, allowed)]
    keys = _keys(page, model, allowed)
    if 'id' not in [name for name, _ in keys]:
        # Without a unique key the order of equal rows is not defined.
        keys.append(('id', keys[-1][1] if keys else 'desc'))
    columns = [(_column(model, name), way == 'desc') for name, way in keys]
    query = sa.select(model if what is None else what).where(*conditions)
    if page.marker is not None:
        query = query.where(
            _after(columns, _marker(session, model, page, where, columns))
        )
    query = query.order_by(*[c.desc() if d else c.asc() for c, d in columns])
    return list(session.scalars(query.limit(_limit(page))))


def _limit(page: Page) -> int:
    if not isinstance(page.limit, int) or not 1 <= page.limit <= MAX:
        raise errors.InvalidInput(
            f'limit must be a number from 1 to {MAX}', field='$.limit'
        )
    return page.limit


def _filters(
    page: Page, allowed: Mapping[str, Any]
) -> list[sa.ColumnElement[bool]]:
    for name in page.filters:
        if name not in allowed:
            raise errors.InvalidInput(
                f'cannot filter by {name!r}', field=f'$.{name}'
            )
    return [allowed[name] == value for name, value in page.filters.items()]


def _column(model: Any, name: str) -> Any:
    """A row that never changed sorts by its creation: with nulls there is
    no order to go on in."""
    if name == 'updated_at':
        return sa.func.coalesce(model.updated_at, model.created_at)
    return getattr(model, name)


def _keys(
    page: Page,
    model: Any,
    allowed: Mapping[str, Any],
) -> list[tuple[str, str]]:
    every = {n for n in ('id', 'created_at', 'updated_at') if n in dir(model)}
    for key, way in page.sort:
        if key not in allowed and key not in every:
            raise errors.InvalidInput(
                f'cannot sort by {key!r}', field='$.sort_key'
            )
        if way not in {'asc', 'desc'}:
            raise errors.InvalidInput(
                f'a sort direction is asc or desc, not {way!r}',
                field='$.sort_dir',
            )
    return [(k, way) for k, way in page.sort]


def _marker(
    session: Session,
    model: Any,
    page: Page,
    where: Sequence[sa.ColumnElement[bool]],
    columns: Sequence[tuple[Any, bool]],
) -> Sequence[Any]:
    row = session.execute(
        sa.select(*[c for c, _ in columns]).where(
            model.id == page.marker, *where
        )
    ).one_or_none()
    if row is None:
        raise errors.InvalidInput(
            f'there is no {page.marker!r} to continue after', field='$.marker'
        )
    return list(row)


def _after(
    columns: Sequence[tuple[Any, bool]], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    """(a, b) after (x, y): a past x, or a equal x and b past y."""
    past: list[sa.ColumnElement[bool]] = []
    equal: list[sa.ColumnElement[bool]] = []
    for (column, descending), value in zip(columns, values, strict=True):
        here = column < value if descending else column > value
        past.append(sa.and_(*equal, here))
        equal.append(column == value)
    return sa.or_(*past)
