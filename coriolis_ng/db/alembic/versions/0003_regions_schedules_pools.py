# SPDX-License-Identifier: Apache-2.0
"""Regions, schedules and pools of minions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

ID = sa.String(36)
WORD = sa.String(64)
NAME = sa.String(255)
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TABLE: dict[str, Any] = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}


def upgrade() -> None:
    _regions()
    _schedules()
    _pools()
    _machines()


def _regions() -> None:
    op.create_table(
        'regions',
        sa.Column('id', ID, nullable=False),
        sa.Column('name', NAME, nullable=False),
        sa.Column('description', LONG, nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index('ix_regions_page', 'regions', ['created_at', 'id'])


def _schedules() -> None:
    op.create_table(
        'schedules',
        sa.Column('id', ID, nullable=False),
        sa.Column('transfer_id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('user_id', WORD, nullable=False),
        sa.Column('spec', LONG, nullable=False),
        sa.Column('expires_at', TIME, nullable=True),
        sa.Column('next_due_at', TIME, nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ['transfer_id'], ['transfers.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index(
        'ix_schedules_page', 'schedules', ['transfer_id', 'created_at', 'id']
    )
    op.create_index('ix_schedules_due', 'schedules', ['next_due_at'])
    op.create_table(
        'schedule_runs',
        sa.Column('schedule_id', ID, nullable=False),
        sa.Column('due_at', TIME, nullable=False),
        sa.Column('state', WORD, nullable=False),
        sa.Column('execution_id', ID, nullable=False),
        sa.Column('message', LONG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['schedule_id'], ['schedules.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('schedule_id', 'due_at'),
        **TABLE,
    )


def _pools() -> None:
    op.create_table(
        'minion_pools',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('user_id', WORD, nullable=False),
        sa.Column('endpoint_id', ID, nullable=False),
        sa.Column('spec', LONG, nullable=False),
        sa.Column('state', WORD, nullable=False),
        sa.Column('busy_with', ID, nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['endpoint_id'], ['endpoints.id']),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index(
        'ix_minion_pools_page',
        'minion_pools',
        ['project_id', 'created_at', 'id'],
    )
    op.create_index('ix_minion_pools_state', 'minion_pools', ['state'])
    op.create_index(
        'ix_minion_pools_endpoint_id', 'minion_pools', ['endpoint_id']
    )
    op.create_table(
        'minion_pool_events',
        sa.Column('number', NUMBER, nullable=False),
        sa.Column('pool_id', ID, nullable=False),
        sa.Column('level', WORD, nullable=False),
        sa.Column('message', LONG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['pool_id'], ['minion_pools.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('number'),
        **TABLE,
    )
    op.create_index(
        'ix_minion_pool_events_pool',
        'minion_pool_events',
        ['pool_id', 'number'],
    )


def _machines() -> None:
    op.create_table(
        'minion_machines',
        sa.Column('id', ID, nullable=False),
        sa.Column('pool_id', ID, nullable=False),
        sa.Column('state', WORD, nullable=False),
        sa.Column('power', WORD, nullable=False),
        sa.Column('minion', LONG, nullable=True),
        sa.Column('claimed_by', ID, nullable=True),
        sa.Column('instance', NAME, nullable=False),
        sa.Column('action_id', ID, nullable=True),
        sa.Column('last_used_at', TIME, nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ['pool_id'], ['minion_pools.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index(
        'ix_minion_machines_pool', 'minion_machines', ['pool_id', 'state']
    )
    op.create_index(
        'ix_minion_machines_claim', 'minion_machines', ['claimed_by']
    )
