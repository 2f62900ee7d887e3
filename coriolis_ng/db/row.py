# SPDX-License-Identifier: Apache-2.0
"""What the files of ``db.api`` do alike: one row by id, one changed row.

What is asked again and again is put together once: to make a statement, and
to look up what it was compiled to, takes longer than to send it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db.errors import Changed


def of_id(
    session: Session, model: Any, id: str, project_id: str | None = None
) -> Any:
    """The row; ``NotFound`` when there is none or another project's.

    Read anew even if the session has seen it before.
    """
    given = {'the_id': id}
    if project_id is not None:
        given['the_project'] = project_id
    row = session.scalars(
        _by_id(model, project_id is not None), given
    ).one_or_none()
    if row is None:
        noun = model.__tablename__.replace('_', ' ').removesuffix('s')
        raise errors.NotFound(f'there is no {noun} {id!r}')
    return row


@functools.cache
def _by_id(model: Any, of_project: bool) -> sa.Select[Any]:
    query = sa.select(model).where(model.id == sa.bindparam('the_id'))
    if of_project:
        query = query.where(model.project_id == sa.bindparam('the_project'))
    return query.execution_options(populate_existing=True)


def of_ids(session: Session, model: Any, ids: Iterable[str]) -> Sequence[Any]:
    """The rows that there are of these, read anew."""
    wanted = sorted(set(ids))
    if not wanted:
        return []
    return session.scalars(_by_ids(model), {'ids': wanted}).all()


@functools.cache
def _by_ids(model: Any) -> sa.Select[Any]:
    return (
        sa.select(model)
        .where(model.id.in_(sa.bindparam('ids', expanding=True)))
        .execution_options(populate_existing=True)
    )


def swap(
    session: Session,
    model: Any,
    where: list[sa.ColumnElement[bool]],
    **values: Any,
) -> int:
    """The one way to change a row: UPDATE ... WHERE; how many matched."""
    # Not by the session, which would look for objects to change as well.
    result = session.connection().execute(
        sa.update(model.__table__).where(*where).values(**values)
    )
    return int(result.rowcount)


def remove(
    session: Session, model: Any, *where: sa.ColumnElement[bool]
) -> int:
    """DELETE ... WHERE; how many rows went."""
    result = session.execute(
        sa.delete(model)
        .where(*where)
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def update_version(
    session: Session, model: Any, id: str, version: int, **values: Any
) -> None:
    """Changes a row that still has ``version``; ``Changed`` when it has
    another one, ``NotFound`` when it is gone."""
    where = [model.id == id, model.version == version]
    if not swap(session, model, where, version=version + 1, **values):
        of_id(session, model, id)
        raise Changed(f'{id} was changed by somebody else, try again')
