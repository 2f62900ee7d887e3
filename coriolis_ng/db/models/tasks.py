# SPDX-License-Identifier: Apache-2.0
"""The tables of tasks, of their progress and of what they said."""

from __future__ import annotations

import datetime
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
    cascade,
)


class Task(Stamps, Base):
    """``attempt`` counts how often a worker was given the task; ``lost``
    how many attempts in a row were lost without any progress. ``scopes``
    are the keys of those whose slots a running task has. One that waits for
    slots has a ``turn``; ``wants`` is what it needs (JSON), ``blocked_by``
    the key of the first that has no room."""

    __tablename__ = 'tasks'
    __table_args__ = (
        sa.UniqueConstraint('execution_id', 'index', name='uq_tasks_index'),
        sa.Index('ix_tasks_holder', 'service_id', 'state'),
        sa.Index('ix_tasks_lease', 'state', 'lease_until'),
        sa.Index('ix_tasks_turn', 'state', 'turn'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    execution_id: Mapped[str] = mapped_column(Id, cascade('executions.id'))
    name: Mapped[str] = mapped_column(Word)
    version: Mapped[int]
    instance: Mapped[str] = mapped_column(Name)
    index: Mapped[int]
    state: Mapped[str] = mapped_column(Word)
    reason: Mapped[str] = mapped_column(Long)
    attempt: Mapped[int] = mapped_column(default=0)
    cleanup: Mapped[bool]
    service_id: Mapped[str | None] = mapped_column(Id)
    host: Mapped[str | None] = mapped_column(Name)
    incarnation: Mapped[str | None] = mapped_column(Word)
    lease_until: Mapped[datetime.datetime | None]
    not_before: Mapped[datetime.datetime | None]
    lost: Mapped[int] = mapped_column(default=0)
    advanced: Mapped[bool] = mapped_column(default=False)
    needs: Mapped[Any] = mapped_column(Plain)
    cleans: Mapped[Any] = mapped_column(Plain)
    input: Mapped[Any] = mapped_column(Plain)
    output: Mapped[Any] = mapped_column(Plain, nullable=True)
    checkpoint: Mapped[Any] = mapped_column(Plain, nullable=True)
    scopes: Mapped[Any] = mapped_column(Plain, nullable=True)
    turn: Mapped[datetime.datetime | None]
    wants: Mapped[str | None] = mapped_column(Long)
    blocked_by: Mapped[str | None] = mapped_column(Name)
    started_at: Mapped[datetime.datetime | None]
    ended_at: Mapped[datetime.datetime | None]


class TaskProgress(Base):
    __tablename__ = 'task_progress'
    __table_args__ = (TABLE,)
    task_id: Mapped[str] = mapped_column(
        Id, cascade('tasks.id'), primary_key=True
    )
    item: Mapped[str] = mapped_column(Name, primary_key=True)
    done: Mapped[int] = mapped_column(sa.BigInteger)
    total: Mapped[int] = mapped_column(sa.BigInteger)
    unit: Mapped[str] = mapped_column(Word)
    rate: Mapped[float | None] = mapped_column(sa.Double)
    eta_seconds: Mapped[float | None] = mapped_column(sa.Double)
    limit: Mapped[float | None] = mapped_column(sa.Double)


class TaskNote(Base):
    """``index`` counts within an attempt: the next worker starts anew."""

    __tablename__ = 'task_notes'
    __table_args__ = (TABLE,)
    task_id: Mapped[str] = mapped_column(
        Id, cascade('tasks.id'), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime.datetime]
    level: Mapped[str] = mapped_column(Word)
    text: Mapped[str] = mapped_column(Long)
