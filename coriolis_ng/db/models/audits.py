# SPDX-License-Identifier: Apache-2.0
"""The table of what the audit looks at again."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.models.base import TABLE, Base, Id, Word


class Audit(Base):
    """An end of an execution whose cloud is listed once more, later. No
    foreign keys: it outlives its execution."""

    __tablename__ = 'audits'
    __table_args__ = (sa.Index('ix_audits_due', 'due_at'), TABLE)
    execution_id: Mapped[str] = mapped_column(Id, primary_key=True)
    side: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    endpoint_id: Mapped[str] = mapped_column(Id)
    transfer_id: Mapped[str | None] = mapped_column(Id)
    deployment_id: Mapped[str | None] = mapped_column(Id)
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime.datetime]
