# SPDX-License-Identifier: Apache-2.0
"""The tables of deployments and of the machines that they made."""

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
    cascade,
)


class Deployment(Stamps, Base):
    """It outlives its transfer: no foreign key."""

    __tablename__ = 'deployments'
    __table_args__ = (
        sa.Index('ix_deployments_page', 'project_id', 'created_at', 'id'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    user_id: Mapped[str] = mapped_column(Word)
    transfer_id: Mapped[str] = mapped_column(Id, index=True)
    spec: Mapped[Any] = mapped_column(Plain)
    last_execution_state: Mapped[str | None] = mapped_column(Word)
    version: Mapped[int] = mapped_column(default=0)


class DeployedVm(Base):
    __tablename__ = 'deployed_vms'
    __table_args__ = (TABLE,)
    deployment_id: Mapped[str] = mapped_column(
        Id, cascade('deployments.id'), primary_key=True
    )
    instance: Mapped[str] = mapped_column(Name, primary_key=True)
    position: Mapped[int]
    version: Mapped[int] = mapped_column(default=0)
    recovery_point_id: Mapped[str] = mapped_column(Id, index=True)
    volumes: Mapped[Any] = mapped_column(Plain, nullable=True)
    vm: Mapped[Any] = mapped_column(Plain, nullable=True)
    address: Mapped[str] = mapped_column(Name)
    morphed: Mapped[Any] = mapped_column(Plain)
