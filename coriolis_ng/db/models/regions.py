# SPDX-License-Identifier: Apache-2.0
"""The table of regions; endpoints and services name them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Id, Long, Name, Stamps


class Region(Stamps, Base):
    __tablename__ = 'regions'
    __table_args__ = (
        sa.Index('ix_regions_page', 'created_at', 'id'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    description: Mapped[str] = mapped_column(Long)
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=0)
