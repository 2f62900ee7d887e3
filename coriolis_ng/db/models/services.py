# SPDX-License-Identifier: Apache-2.0
"""The table of services."""

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
    Name,
    Plain,
    Stamps,
    Word,
    cascade,
)


class Service(Stamps, Base):
    """A process of ours: one row for each host and program."""

    __tablename__ = 'services'
    __table_args__ = (
        sa.UniqueConstraint('host', 'binary', name='uq_services_host'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    host: Mapped[str] = mapped_column(Name)
    binary: Mapped[str] = mapped_column(Word)
    enabled: Mapped[bool] = mapped_column(default=True)
    incarnation: Mapped[str] = mapped_column(Word)
    topic: Mapped[str] = mapped_column(Word, default='')
    release: Mapped[str] = mapped_column(Word)
    mapped_regions: Mapped[Any] = mapped_column(Plain)
    providers: Mapped[Any] = mapped_column(Plain)
    kinds: Mapped[Any] = mapped_column(Plain, nullable=True)
    facts: Mapped[Any] = mapped_column(Plain, nullable=True)
    seal_key: Mapped[str] = mapped_column(Name)
    capacity: Mapped[int]
    alive_at: Mapped[datetime.datetime]


class Incarnation(Base):
    """Each life of a process: late beats of all but the newest are
    refused."""

    __tablename__ = 'incarnations'
    __table_args__ = (TABLE,)
    service_id: Mapped[str] = mapped_column(
        Id, cascade('services.id'), primary_key=True
    )
    incarnation: Mapped[str] = mapped_column(Word, primary_key=True)
    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)
