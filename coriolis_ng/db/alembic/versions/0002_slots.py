# SPDX-License-Identifier: Apache-2.0
"""Slots as counter rows, and what the audit looks at again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

ID = sa.String(36)
WORD = sa.String(64)
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
TABLE: dict[str, Any] = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}


def upgrade() -> None:
    _slots()
    _incarnations()
    _audits()
    _ledger()


def _slots() -> None:
    op.create_table(
        'slots',
        sa.Column('service_id', ID, nullable=False),
        sa.Column('used', sa.Integer(), nullable=False),
        sa.Column('capacity', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ['service_id'], ['services.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('service_id'),
        **TABLE,
    )
    op.execute(
        'INSERT INTO slots (service_id, used, capacity)'
        ' SELECT id, (SELECT count(*) FROM tasks'
        "  WHERE service_id = services.id AND state = 'running'"
        '  AND NOT cleanup), capacity FROM services'
    )


def _incarnations() -> None:
    op.create_table(
        'incarnations',
        sa.Column('service_id', ID, nullable=False),
        sa.Column('incarnation', WORD, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['service_id'], ['services.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('service_id', 'incarnation'),
        **TABLE,
    )
    for column in ('incarnation', 'former'):
        op.execute(
            'INSERT INTO incarnations'  # noqa: S608
            ' (service_id, incarnation, created_at)'
            f' SELECT id, {column}, created_at FROM services'
            f" WHERE {column} <> ''"
        )
    # With a default for the rows that are there, and then without one.
    with op.batch_alter_table('services') as batch:
        batch.drop_column('former')
        batch.add_column(
            sa.Column('topic', WORD, nullable=False, server_default='')
        )
    with op.batch_alter_table('services') as batch:
        batch.alter_column(
            'topic',
            existing_type=WORD,
            existing_nullable=False,
            server_default=None,
        )


def _audits() -> None:
    op.create_table(
        'audits',
        sa.Column('execution_id', ID, nullable=False),
        sa.Column('side', sa.String(length=16), nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('endpoint_id', ID, nullable=False),
        sa.Column('transfer_id', ID, nullable=True),
        sa.Column('deployment_id', ID, nullable=True),
        sa.Column('tries', sa.Integer(), nullable=False),
        sa.Column('due_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('execution_id', 'side'),
        **TABLE,
    )
    op.create_index('ix_audits_due', 'audits', ['due_at'])


def _ledger() -> None:
    op.add_column('ledger', sa.Column('project_id', WORD, nullable=True))
    op.add_column('ledger', sa.Column('retry_at', TIME, nullable=True))
    op.add_column('ledger', sa.Column('tries', sa.Integer(), nullable=True))
    op.add_column('ledger', sa.Column('reason', LONG, nullable=True))
    op.execute("UPDATE ledger SET tries = 0, reason = ''")
    for noun in ('execution', 'transfer'):
        op.execute(
            'UPDATE ledger SET project_id ='  # noqa: S608
            f' (SELECT project_id FROM {noun}s'
            f' WHERE {noun}s.id = ledger.{noun}_id)'
            ' WHERE project_id IS NULL'
        )
    with op.batch_alter_table('ledger') as batch:
        batch.alter_column('tries', existing_type=sa.Integer(), nullable=False)
        batch.alter_column('reason', existing_type=LONG, nullable=False)
    op.create_index('ix_ledger_project', 'ledger', ['project_id', 'number'])
