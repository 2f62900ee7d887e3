# SPDX-License-Identifier: Apache-2.0
"""The ledger: what was created, recorded before it was."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.models.base import TABLE, Base, Id, Long, Name, Word


class Ledger(Base):
    """What we made in a cloud. No foreign keys: an entry goes only when
    the thing itself is gone."""

    __tablename__ = 'ledger'
    __table_args__ = (
        sa.UniqueConstraint(
            'task_id', 'kind', 'id', 'side', name='uq_ledger_thing'
        ),
        sa.Index('ix_ledger_transfer', 'transfer_id', 'instance'),
        sa.Index('ix_ledger_deployment', 'deployment_id', 'instance'),
        sa.Index('ix_ledger_execution', 'execution_id'),
        sa.Index('ix_ledger_project', 'project_id', 'number'),
        TABLE,
    )
    number: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), primary_key=True
    )
    id: Mapped[str] = mapped_column(sa.String(500))
    kind: Mapped[str] = mapped_column(Word)
    side: Mapped[str] = mapped_column(sa.String(16))
    tag: Mapped[str] = mapped_column(Name)
    attempt: Mapped[int]
    parent: Mapped[str] = mapped_column(Long)
    endpoint_id: Mapped[str | None] = mapped_column(Id, index=True)
    execution_id: Mapped[str] = mapped_column(Id)
    task_id: Mapped[str] = mapped_column(Id)
    transfer_id: Mapped[str | None] = mapped_column(Id)
    deployment_id: Mapped[str | None] = mapped_column(Id)
    instance: Mapped[str] = mapped_column(Name)
    # Of the execution's; None of what was recorded by the first releases.
    project_id: Mapped[str | None] = mapped_column(Word)
    # How the audit fared with it once nobody owned it any more.
    tries: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime.datetime | None]
    reason: Mapped[str] = mapped_column(Long, default='')
    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)
