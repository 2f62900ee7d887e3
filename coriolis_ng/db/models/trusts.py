# SPDX-License-Identifier: Apache-2.0
"""The table of Keystone's trusts and application credentials."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import (
    TABLE,
    Base,
    Id,
    Name,
    Plain,
    Stamps,
    Word,
)


class Trust(Stamps, Base):
    """It outlives its owner until Keystone has removed it: no foreign
    key."""

    __tablename__ = 'trusts'
    __table_args__ = (
        sa.Index('ix_trusts_owner', 'owner_id', 'state'),
        sa.Index('ix_trusts_state', 'state', 'created_at'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    user_id: Mapped[str] = mapped_column(Word)
    owner_id: Mapped[str] = mapped_column(Id)
    roles: Mapped[Any] = mapped_column(Plain)
    kind: Mapped[str] = mapped_column(Word)
    state: Mapped[str] = mapped_column(Word)
    external_id: Mapped[str] = mapped_column(Name)
    secret: Mapped[str] = mapped_column(Name)
