# SPDX-License-Identifier: Apache-2.0
"""The table of recovery points."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import (
    TABLE,
    Base,
    Id,
    Name,
    Plain,
    Word,
    cascade,
)


class RecoveryPoint(Base):
    """``project_id`` repeats the transfer's, so that a page of a project's
    points needs no join."""

    __tablename__ = 'recovery_points'
    __table_args__ = (
        sa.Index('ix_points_page', 'project_id', 'created_at', 'id'),
        sa.Index('ix_points_replica', 'transfer_id', 'instance', 'created_at'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    transfer_id: Mapped[str] = mapped_column(Id, cascade('transfers.id'))
    instance: Mapped[str] = mapped_column(Name)
    execution_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime.datetime]
    pinned: Mapped[bool]
    data: Mapped[Any] = mapped_column(Plain)
