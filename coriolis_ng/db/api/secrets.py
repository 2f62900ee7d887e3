# SPDX-License-Identifier: Apache-2.0
"""Rows of the built-in secret store: ciphertext, never clear text."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.row import remove, swap
from coriolis_ng.db.session import Database


def put(session: Session, id: str, project_id: str, ciphertext: bytes) -> None:
    """Stores under an id that the caller made."""
    session.add(
        models.Secret(id=id, project_id=project_id, ciphertext=ciphertext)
    )
    session.flush()


def get(session: Session, id: str, project_id: str) -> bytes:
    """``NotFound`` for another project's."""
    found = session.scalar(
        sa.select(models.Secret.ciphertext).where(
            models.Secret.id == id, models.Secret.project_id == project_id
        )
    )
    if found is None:
        raise errors.NotFound('there is no such secret')
    return found


def drop(session: Session, id: str, project_id: str) -> None:
    """Silent when it is gone."""
    remove(
        session,
        models.Secret,
        models.Secret.id == id,
        models.Secret.project_id == project_id,
    )


def page(
    session: Session, after: str, limit: int
) -> Sequence[tuple[str, str, bytes]]:
    """``(id, project, ciphertext)`` of any project, in the order of ids."""
    found = session.execute(
        sa.select(
            models.Secret.id,
            models.Secret.project_id,
            models.Secret.ciphertext,
        )
        .where(models.Secret.id > after)
        .order_by(models.Secret.id)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in found]


def replace(session: Session, id: str, before: bytes, after: bytes) -> bool:
    """False when it is not what it was any more."""
    where = [models.Secret.id == id, models.Secret.ciphertext == before]
    return swap(session, models.Secret, where, ciphertext=after) == 1


class Rows:
    """The rows as ``secrets.local`` wants them: each call is a transaction
    of its own, so do not call it inside another writing one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, id: str, project_id: str, ciphertext: bytes) -> None:
        """Durable when it returns."""
        self._database.write(lambda s: put(s, id, project_id, ciphertext))

    def get(self, id: str, project_id: str) -> bytes:
        """``NotFound`` for another project's."""
        return self._database.read(lambda s: get(s, id, project_id))

    def drop(self, id: str, project_id: str) -> None:
        """Silent when it is gone."""
        self._database.write(lambda s: drop(s, id, project_id))
