# SPDX-License-Identifier: Apache-2.0
"""The trust that a transfer works under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

ID = sa.String(36)
WORD = sa.String(64)
NAME = sa.String(255)
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade() -> None:
    op.create_table(
        'trusts',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('user_id', WORD, nullable=False),
        sa.Column('owner_id', ID, nullable=False),
        sa.Column('roles', LONG, nullable=False),
        sa.Column('kind', WORD, nullable=False),
        sa.Column('state', WORD, nullable=False),
        sa.Column('external_id', NAME, nullable=False),
        sa.Column('secret', NAME, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        mysql_engine='InnoDB',
        mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin',
    )
    op.create_index('ix_trusts_owner', 'trusts', ['owner_id', 'state'])
    op.create_index('ix_trusts_state', 'trusts', ['state', 'created_at'])
