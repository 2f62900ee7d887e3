# SPDX-License-Identifier: Apache-2.0
"""The replicas of a transfer: a row for each machine, and for each disk."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import (
    TABLE,
    Base,
    Id,
    Long,
    Name,
    Plain,
    Stamps,
    cascade,
)


class Replica(Stamps, Base):
    """One machine of a transfer; its disks are rows of their own."""

    __tablename__ = 'replicas'
    __table_args__ = (TABLE,)
    transfer_id: Mapped[str] = mapped_column(
        Id, cascade('transfers.id'), primary_key=True
    )
    instance: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    vm: Mapped[Any] = mapped_column(Plain, nullable=True)
    full_reason: Mapped[str] = mapped_column(Long)


class ReplicaDisk(Base):
    __tablename__ = 'replica_disks'
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ['transfer_id', 'instance'],
            ['replicas.transfer_id', 'replicas.instance'],
            ondelete='CASCADE',
        ),
        TABLE,
    )
    transfer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    instance: Mapped[str] = mapped_column(Name, primary_key=True)
    disk_id: Mapped[str] = mapped_column(Name, primary_key=True)
    position: Mapped[int]
    volume: Mapped[Any] = mapped_column(Plain, nullable=True)
    dirty: Mapped[bool]
    checkpoint: Mapped[str | None] = mapped_column(Long)
