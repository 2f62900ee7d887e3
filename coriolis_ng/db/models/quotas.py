# SPDX-License-Identifier: Apache-2.0
"""The table of quotas."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Word


class Quota(Base):
    """``limit`` is null where the default holds. ``claims`` counts: to
    count up is to hold the row, and so everybody else who claims, until the
    transaction ends."""

    __tablename__ = 'quotas'
    __table_args__ = (TABLE,)
    project_id: Mapped[str] = mapped_column(Word, primary_key=True)
    resource: Mapped[str] = mapped_column(Word, primary_key=True)
    limit: Mapped[int | None]
    claims: Mapped[int] = mapped_column(sa.BigInteger, default=0)
