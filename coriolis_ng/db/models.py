# SPDX-License-Identifier: Apache-2.0
"""The tables. Nothing outside ``db`` sees these classes.

JSON is kept as text that we encode: what is inside is never queried, and
both databases store it the same way. Names sort and compare by bytes.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from coriolis_ng.db.clock import Utc, utcnow

TABLE = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}

Id = sa.String(36)
Word = sa.String(64)
Name = sa.String(255)
Long = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')


class Plain(TypeDecorator[Any]):
    """JSON as text."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """MariaDB's TEXT ends at 64 KiB."""
        if dialect.name in {'mysql', 'mariadb'}:
            return dialect.type_descriptor(mysql.LONGTEXT())
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


class Base(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map = {datetime.datetime: Utc()}


class Stamps:
    """When a row was made and last changed, by the writer's clock."""

    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime.datetime | None] = mapped_column(
        onupdate=utcnow
    )


def _cascade(target: str) -> sa.ForeignKey:
    return sa.ForeignKey(target, ondelete='CASCADE')


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
    version: Mapped[int] = mapped_column(default=0)


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


class Replica(Stamps, Base):
    """One machine of a transfer; its disks are rows of their own."""

    __tablename__ = 'replicas'
    __table_args__ = (TABLE,)
    transfer_id: Mapped[str] = mapped_column(
        Id, _cascade('transfers.id'), primary_key=True
    )
    instance: Mapped[str] = mapped_column(Name, primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    vm: Mapped[Any] = mapped_column(Plain, nullable=True)
    full_reason: Mapped[str] = mapped_column(Long)


class ReplicaDisk(Base):
    __tablename__ = 'replica_disks'
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ['transfer_id', 'instance'],
            ['replicas.transfer_id', 'replicas.instance'],
            ondelete='CASCADE',
        ),
        TABLE,
    )
    transfer_id: Mapped[str] = mapped_column(Id, primary_key=True)
    instance: Mapped[str] = mapped_column(Name, primary_key=True)
    disk_id: Mapped[str] = mapped_column(Name, primary_key=True)
    position: Mapped[int]
    volume: Mapped[Any] = mapped_column(Plain, nullable=True)
    dirty: Mapped[bool]
    checkpoint: Mapped[str | None] = mapped_column(Long)


class RecoveryPoint(Base):
    """``project_id`` repeats the transfer's, so that a page of a project's
    points needs no join."""

    __tablename__ = 'recovery_points'
    __table_args__ = (
        sa.Index('ix_points_page', 'project_id', 'created_at', 'id'),
        sa.Index('ix_points_replica', 'transfer_id', 'instance', 'created_at'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    transfer_id: Mapped[str] = mapped_column(Id, _cascade('transfers.id'))
    instance: Mapped[str] = mapped_column(Name)
    execution_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[datetime.datetime]
    pinned: Mapped[bool]
    data: Mapped[Any] = mapped_column(Plain)


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
        Id, _cascade('deployments.id'), primary_key=True
    )
    instance: Mapped[str] = mapped_column(Name, primary_key=True)
    position: Mapped[int]
    version: Mapped[int] = mapped_column(default=0)
    recovery_point_id: Mapped[str] = mapped_column(Id, index=True)
    volumes: Mapped[Any] = mapped_column(Plain, nullable=True)
    vm: Mapped[Any] = mapped_column(Plain, nullable=True)
    address: Mapped[str] = mapped_column(Name)
    morphed: Mapped[Any] = mapped_column(Plain)


class Execution(Stamps, Base):
    """``owner_id`` is a transfer's or a deployment's."""

    __tablename__ = 'executions'
    __table_args__ = (
        sa.UniqueConstraint('owner_id', 'number', name='uq_executions_number'),
        sa.Index('ix_executions_page', 'owner_id', 'created_at', 'id'),
        sa.Index('ix_executions_state', 'state'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(Word)
    owner_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Word)
    number: Mapped[int]
    state: Mapped[str] = mapped_column(Word)
    cancel: Mapped[str] = mapped_column(Word)
    spec: Mapped[Any] = mapped_column(Plain)
    ended_at: Mapped[datetime.datetime | None]


class Task(Stamps, Base):
    """``attempt`` counts how often a worker was given the task; ``lost``
    how many attempts in a row were lost without any progress."""

    __tablename__ = 'tasks'
    __table_args__ = (
        sa.UniqueConstraint('execution_id', 'index', name='uq_tasks_index'),
        sa.Index('ix_tasks_holder', 'service_id', 'state'),
        sa.Index('ix_tasks_lease', 'state', 'lease_until'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    execution_id: Mapped[str] = mapped_column(Id, _cascade('executions.id'))
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
    started_at: Mapped[datetime.datetime | None]
    ended_at: Mapped[datetime.datetime | None]


class TaskProgress(Base):
    __tablename__ = 'task_progress'
    __table_args__ = (TABLE,)
    task_id: Mapped[str] = mapped_column(
        Id, _cascade('tasks.id'), primary_key=True
    )
    item: Mapped[str] = mapped_column(Name, primary_key=True)
    done: Mapped[int] = mapped_column(sa.BigInteger)
    total: Mapped[int] = mapped_column(sa.BigInteger)
    unit: Mapped[str] = mapped_column(Word)
    rate: Mapped[float | None] = mapped_column(sa.Double)
    eta_seconds: Mapped[float | None] = mapped_column(sa.Double)


class TaskNote(Base):
    """``index`` counts within an attempt: the next worker starts anew."""

    __tablename__ = 'task_notes'
    __table_args__ = (TABLE,)
    task_id: Mapped[str] = mapped_column(
        Id, _cascade('tasks.id'), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime.datetime]
    level: Mapped[str] = mapped_column(Word)
    text: Mapped[str] = mapped_column(Long)


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
    created_at: Mapped[datetime.datetime] = mapped_column(default=utcnow)


class Service(Stamps, Base):
    """``former`` is the incarnation before: its late beats are refused."""

    __tablename__ = 'services'
    __table_args__ = (
        sa.UniqueConstraint('host', 'binary', name='uq_services_host'),
        TABLE,
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    host: Mapped[str] = mapped_column(Name)
    binary: Mapped[str] = mapped_column(Word)
    enabled: Mapped[bool] = mapped_column(default=True)
    incarnation: Mapped[str] = mapped_column(Word)
    former: Mapped[str] = mapped_column(Word, default='')
    release: Mapped[str] = mapped_column(Word)
    mapped_regions: Mapped[Any] = mapped_column(Plain)
    providers: Mapped[Any] = mapped_column(Plain)
    seal_key: Mapped[str] = mapped_column(Name)
    capacity: Mapped[int]
    alive_at: Mapped[datetime.datetime]


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
