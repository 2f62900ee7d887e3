# SPDX-License-Identifier: Apache-2.0
"""The table of slots: how many tasks a worker may be given at once."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Id, cascade


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
