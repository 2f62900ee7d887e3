# SPDX-License-Identifier: Apache-2.0
"""What the files of ``db.api`` do alike: one row by id, one changed row."""

from __future__ import annotations

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
    where = [model.id == id]
    if project_id is not None:
        where.append(model.project_id == project_id)
    row = session.scalars(
        sa.select(model)
        .where(*where)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        noun = model.__tablename__.replace('_', ' ').removesuffix('s')
        raise errors.NotFound(f'there is no {noun} {id!r}')
    return row


def swap(
    session: Session,
    model: Any,
    where: list[sa.ColumnElement[bool]],
    **values: Any,
) -> int:
    """The one way to change a row: UPDATE ... WHERE; how many matched."""
    result = session.execute(
        sa.update(model)
        .where(*where)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


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
