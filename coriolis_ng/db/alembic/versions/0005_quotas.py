# SPDX-License-Identifier: Apache-2.0
"""Quotas of a project, and the log of events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

ID = sa.String(36)
WORD = sa.String(64)
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TABLE: dict[str, Any] = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}


def upgrade() -> None:
    op.create_table(
        'quotas',
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('resource', WORD, nullable=False),
        sa.Column('limit', sa.Integer(), nullable=True),
        sa.Column('claims', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'resource'),
        **TABLE,
    )
    op.create_table(
        'events',
        sa.Column('number', NUMBER, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('kind', WORD, nullable=False),
        sa.Column('at', TIME, nullable=False),
        sa.Column('execution_id', ID, nullable=False),
        sa.Column('transfer_id', ID, nullable=True),
        sa.Column('deployment_id', ID, nullable=True),
        sa.Column('task_id', ID, nullable=True),
        sa.Column('instance', sa.String(255), nullable=False),
        sa.Column('name', WORD, nullable=False),
        sa.Column('state', WORD, nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('level', WORD, nullable=False),
        sa.Column('text', LONG, nullable=False),
        sa.PrimaryKeyConstraint('number'),
        sqlite_autoincrement=True,
        **TABLE,
    )
    op.create_index('ix_events_at', 'events', ['at'])
    op.create_index(
        'ix_events_execution', 'events', ['execution_id', 'number']
    )
    op.create_index('ix_events_project', 'events', ['project_id', 'number'])
