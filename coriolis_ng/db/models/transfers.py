# SPDX-License-Identifier: Apache-2.0
"""The table of transfers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Id, Plain, Stamps, Word


class Transfer(Stamps, Base):
    __tablename__ = 'transfers'
    __table_args__ = (
        sa.Index('ix_transfers_page', 'project_id', 'created_at', 'id'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    user_id: Mapped[str] = mapped_column(Word)
    origin_endpoint_id: Mapped[str] = mapped_column(
        Id, sa.ForeignKey('endpoints.id'), index=True
    )
    destination_endpoint_id: Mapped[str] = mapped_column(
        Id, sa.ForeignKey('endpoints.id'), index=True
    )
    scenario: Mapped[str] = mapped_column(Word)
    spec: Mapped[Any] = mapped_column(Plain)
    busy_with: Mapped[str | None] = mapped_column(Id)
    last_execution_state: Mapped[str | None] = mapped_column(Word)
    version: Mapped[int] = mapped_column(default=0)
