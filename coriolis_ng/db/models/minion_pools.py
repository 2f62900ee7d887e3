# SPDX-License-Identifier: Apache-2.0
"""The tables of minion pools, of their machines and of what happened."""

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
    Name,
    Plain,
    Stamps,
    Word,
    cascade,
)


class MinionPool(Stamps, Base):
    __tablename__ = 'minion_pools'
    __table_args__ = (
        sa.Index('ix_minion_pools_page', 'project_id', 'created_at', 'id'),
        sa.Index('ix_minion_pools_state', 'state'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    user_id: Mapped[str] = mapped_column(Word)
    endpoint_id: Mapped[str] = mapped_column(
        Id, sa.ForeignKey('endpoints.id'), index=True
    )
    spec: Mapped[Any] = mapped_column(Plain)
    state: Mapped[str] = mapped_column(Word)
    busy_with: Mapped[str | None] = mapped_column(Id)
    version: Mapped[int] = mapped_column(default=0)


class MinionMachine(Stamps, Base):
    __tablename__ = 'minion_machines'
    __table_args__ = (
        sa.Index('ix_minion_machines_pool', 'pool_id', 'state'),
        sa.Index('ix_minion_machines_claim', 'claimed_by'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    pool_id: Mapped[str] = mapped_column(Id, cascade('minion_pools.id'))
    state: Mapped[str] = mapped_column(Word)
    power: Mapped[str] = mapped_column(Word)
    minion: Mapped[Any] = mapped_column(Plain, nullable=True)
    claimed_by: Mapped[str | None] = mapped_column(Id)
    instance: Mapped[str] = mapped_column(Name)
    action_id: Mapped[str | None] = mapped_column(Id)
    last_used_at: Mapped[datetime.datetime | None]
    version: Mapped[int] = mapped_column(default=0)


class MinionPoolEvent(Base):
    __tablename__ = 'minion_pool_events'
    __table_args__ = (
        sa.Index('ix_minion_pool_events_pool', 'pool_id', 'number'),
        TABLE,
    )
    number: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True
    )
    pool_id: Mapped[str] = mapped_column(Id, cascade('minion_pools.id'))
    level: Mapped[str] = mapped_column(Word)
    message: Mapped[str] = mapped_column(Long)
    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)
