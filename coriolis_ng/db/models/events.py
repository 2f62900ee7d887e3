# SPDX-License-Identifier: Apache-2.0
"""The table of events."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Id, Long, Name, Word


class Event(Base):
    """A log: rows are added, read and removed by age, never changed. They
    outlive what they tell of. ``at`` is the database's clock."""

    __tablename__ = 'events'
    __table_args__ = (
        sa.Index('ix_events_project', 'project_id', 'number'),
        sa.Index('ix_events_execution', 'execution_id', 'number'),
        sa.Index('ix_events_at', 'at'),
        # A number is never used twice, even when all rows are gone.
        {**TABLE, 'sqlite_autoincrement': True},
    )
    number: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True
    )
    project_id: Mapped[str] = mapped_column(Word)
    kind: Mapped[str] = mapped_column(Word)
    at: Mapped[datetime.datetime]
    execution_id: Mapped[str] = mapped_column(Id)
    transfer_id: Mapped[str | None] = mapped_column(Id)
    deployment_id: Mapped[str | None] = mapped_column(Id)
    task_id: Mapped[str | None] = mapped_column(Id)
    instance: Mapped[str] = mapped_column(Name)
    name: Mapped[str] = mapped_column(Word)
    state: Mapped[str] = mapped_column(Word)
    attempt: Mapped[int]
    level: Mapped[str] = mapped_column(Word)
    text: Mapped[str] = mapped_column(Long)
