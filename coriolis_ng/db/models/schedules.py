# SPDX-License-Identifier: Apache-2.0
"""The tables of schedules, and of what became of their due times."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.models.base import (
    TABLE,
    Base,
    Id,
    Long,
    Plain,
    Stamps,
    Word,
    cascade,
)


class Schedule(Stamps, Base):
    """``next_due_at`` is None for what is disabled or over."""

    __tablename__ = 'schedules'
    __table_args__ = (
        sa.Index('ix_schedules_page', 'transfer_id', 'created_at', 'id'),
        sa.Index('ix_schedules_due', 'next_due_at'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    transfer_id: Mapped[str] = mapped_column(Id, cascade('transfers.id'))
    project_id: Mapped[str] = mapped_column(Word)
    user_id: Mapped[str] = mapped_column(Word)
    spec: Mapped[Any] = mapped_column(Plain)
    expires_at: Mapped[datetime.datetime | None]
    next_due_at: Mapped[datetime.datetime | None]
    version: Mapped[int] = mapped_column(default=0)


class ScheduleRun(Base):
    """The key is the claim: of several conductors one inserts it."""

    __tablename__ = 'schedule_runs'
    __table_args__ = (TABLE,)
    schedule_id: Mapped[str] = mapped_column(
        Id, cascade('schedules.id'), primary_key=True
    )
    due_at: Mapped[datetime.datetime] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Word)
    execution_id: Mapped[str] = mapped_column(Id)
    message: Mapped[str] = mapped_column(Long)
    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)
