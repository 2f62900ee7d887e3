# SPDX-License-Identifier: Apache-2.0
"""The table of executions."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Id, Plain, Stamps, Word


class Execution(Stamps, Base):
    """``owner_id`` is a transfer's or a deployment's."""

    __tablename__ = 'executions'
    __table_args__ = (
        sa.UniqueConstraint('owner_id', 'number', name='uq_executions_number'),
        sa.Index('ix_executions_page', 'owner_id', 'created_at', 'id'),
        sa.Index('ix_executions_state', 'state'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    owner_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Word)
    number: Mapped[int]
    state: Mapped[str] = mapped_column(Word)
    cancel: Mapped[str] = mapped_column(Word)
    spec: Mapped[Any] = mapped_column(Plain)
    ended_at: Mapped[datetime.datetime | None]
