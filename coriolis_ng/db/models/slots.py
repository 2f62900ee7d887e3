# SPDX-License-Identifier: Apache-2.0
"""The tables of slots: how many tasks may run at once on a worker, and on
what else takes only so many."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Id, Name, cascade


class Slots(Base):
    """A counter: a start adds one where ``used < capacity``. A row of its
    own, so that starts do not wait for beats."""

    __tablename__ = 'slots'
    __table_args__ = (TABLE,)
    service_id: Mapped[str] = mapped_column(
        Id, cascade('services.id'), primary_key=True
    )
    used: Mapped[int]
    capacity: Mapped[int]


class Scope(Base):
    """A counter as well: of an endpoint, a source's host, or a storage.
    ``capacity`` is what the last start has gone by."""

    __tablename__ = 'scopes'
    __table_args__ = (TABLE,)
    key: Mapped[str] = mapped_column(Name, primary_key=True)
    used: Mapped[int]
    capacity: Mapped[int]
