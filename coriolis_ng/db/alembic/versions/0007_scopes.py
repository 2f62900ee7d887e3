# SPDX-License-Identifier: Apache-2.0
"""Slots of endpoints, hosts and storage, whose turn it is, what workers
know, and limits of bandwidth."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0007'
down_revision = '0005'
branch_labels = None
depends_on = None

NAME = sa.String(255)
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
TABLE: dict[str, Any] = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}


def upgrade() -> None:
    op.create_table(
        'scopes',
        sa.Column('key', NAME, nullable=False),
        sa.Column('used', sa.Integer(), nullable=False),
        sa.Column('capacity', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('key'),
        **TABLE,
    )
    op.add_column('tasks', sa.Column('scopes', LONG, nullable=True))
    op.add_column('tasks', sa.Column('turn', TIME, nullable=True))
    op.add_column('tasks', sa.Column('wants', LONG, nullable=True))
    op.add_column('tasks', sa.Column('blocked_by', NAME, nullable=True))
    op.create_index('ix_tasks_turn', 'tasks', ['state', 'turn'])
    op.add_column(
        'task_progress', sa.Column('limit', sa.Double(), nullable=True)
    )
    op.add_column('services', sa.Column('kinds', LONG, nullable=True))
    op.add_column('endpoints', sa.Column('slots', sa.Integer(), nullable=True))
    op.add_column('endpoints', sa.Column('bandwidth', LONG, nullable=True))
