# SPDX-License-Identifier: Apache-2.0
"""Insert rows, or update those that are there, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Session

# SQLite takes 32,766 variables in a statement, MariaDB 65,535.
CHUNK = 500


def upsert(
    session: Session,
    model: Any,
    rows: Sequence[dict[str, Any]],
    keys: Sequence[str],
    update: Sequence[str],
) -> None:
    """Writes ``rows``; where ``keys`` are taken, sets ``update`` (nothing
    when empty). All rows have the same columns."""
    for start in range(0, len(rows), CHUNK):
        some = list(rows[start : start + CHUNK])
        if session.get_bind().dialect.name == 'sqlite':
            lite = sqlite.insert(model).values(some)
            session.execute(
                lite.on_conflict_do_update(
                    index_elements=list(keys),
                    set_={name: lite.excluded[name] for name in update},
                )
                if update
                else lite.on_conflict_do_nothing(index_elements=list(keys))
            )
        else:
            ours = mysql.insert(model).values(some)
            # Without anything to change, a column is set to itself.
            changes: dict[str, Any] = {n: ours.inserted[n] for n in update}
            column = getattr(model, keys[0])
            session.execute(
                ours.on_duplicate_key_update(changes or {keys[0]: column})
            )
