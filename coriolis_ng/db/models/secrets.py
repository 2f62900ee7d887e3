# SPDX-License-Identifier: Apache-2.0
"""The table of sealed secrets."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.models.base import TABLE, Base, Id, Word


class Secret(Base):
    """Ciphertext only: the key is not in this database."""

    __tablename__ = 'secrets'
    __table_args__ = (TABLE,)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    ciphertext: Mapped[bytes] = mapped_column(
        sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), 'mysql', 'mariadb')
    )
    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)
