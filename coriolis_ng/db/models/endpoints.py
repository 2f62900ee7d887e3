# SPDX-License-Identifier: Apache-2.0
"""The table of endpoints."""

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
    Word,
)


class Endpoint(Stamps, Base):
    __tablename__ = 'endpoints'
    __table_args__ = (
        sa.Index('ix_endpoints_page', 'project_id', 'created_at', 'id'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    user_id: Mapped[str] = mapped_column(Word)
    name: Mapped[str] = mapped_column(Name)
    type: Mapped[str] = mapped_column(Word)
    secret: Mapped[str] = mapped_column(Long)
    description: Mapped[str] = mapped_column(Long)
    mapped_regions: Mapped[Any] = mapped_column(Plain)
    slots: Mapped[int | None]
    bandwidth: Mapped[Any] = mapped_column(Plain, nullable=True)
    version: Mapped[int] = mapped_column(default=0)
