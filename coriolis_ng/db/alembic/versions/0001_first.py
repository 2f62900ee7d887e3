# SPDX-License-Identifier: Apache-2.0
"""The first schema."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(36)
WORD = sa.String(64)
NAME = sa.String(255)
LONG = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
BLOB = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), 'mysql', 'mariadb')
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
NUMBER = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
TABLE: dict[str, Any] = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}


def upgrade() -> None:
    _endpoints()
    _replicas()
    _points()
    _deployments()
    _executions()
    _tasks()
    _tales()
    _ledger()
    _services()


def _endpoints() -> None:
    op.create_table(
        'endpoints',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('user_id', WORD, nullable=False),
        sa.Column('name', NAME, nullable=False),
        sa.Column('type', WORD, nullable=False),
        sa.Column('secret', LONG, nullable=False),
        sa.Column('description', LONG, nullable=False),
        sa.Column('mapped_regions', LONG, nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index(
        'ix_endpoints_page', 'endpoints', ['project_id', 'created_at', 'id']
    )
    op.create_table(
        'transfers',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('user_id', WORD, nullable=False),
        sa.Column('origin_endpoint_id', ID, nullable=False),
        sa.Column('destination_endpoint_id', ID, nullable=False),
        sa.Column('scenario', WORD, nullable=False),
        sa.Column('spec', LONG, nullable=False),
        sa.Column('busy_with', ID, nullable=True),
        sa.Column('last_execution_state', WORD, nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ['destination_endpoint_id'],
            ['endpoints.id'],
        ),
        sa.ForeignKeyConstraint(
            ['origin_endpoint_id'],
            ['endpoints.id'],
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index(
        'ix_transfers_destination_endpoint_id',
        'transfers',
        ['destination_endpoint_id'],
    )
    op.create_index(
        'ix_transfers_origin_endpoint_id', 'transfers', ['origin_endpoint_id']
    )
    op.create_index(
        'ix_transfers_page', 'transfers', ['project_id', 'created_at', 'id']
    )


def _replicas() -> None:
    op.create_table(
        'replicas',
        sa.Column('transfer_id', ID, nullable=False),
        sa.Column('instance', NAME, nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('vm', LONG, nullable=True),
        sa.Column('full_reason', LONG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ['transfer_id'], ['transfers.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('transfer_id', 'instance'),
        **TABLE,
    )
    op.create_table(
        'replica_disks',
        sa.Column('transfer_id', ID, nullable=False),
        sa.Column('instance', NAME, nullable=False),
        sa.Column('disk_id', NAME, nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('volume', LONG, nullable=True),
        sa.Column('dirty', sa.Boolean(), nullable=False),
        sa.Column('checkpoint', LONG, nullable=True),
        sa.ForeignKeyConstraint(
            ['transfer_id', 'instance'],
            ['replicas.transfer_id', 'replicas.instance'],
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('transfer_id', 'instance', 'disk_id'),
        **TABLE,
    )


def _points() -> None:
    op.create_table(
        'recovery_points',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('transfer_id', ID, nullable=False),
        sa.Column('instance', NAME, nullable=False),
        sa.Column('execution_id', ID, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('pinned', sa.Boolean(), nullable=False),
        sa.Column('data', LONG, nullable=False),
        sa.ForeignKeyConstraint(
            ['transfer_id'], ['transfers.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index(
        'ix_points_page', 'recovery_points', ['project_id', 'created_at', 'id']
    )
    op.create_index(
        'ix_points_replica',
        'recovery_points',
        ['transfer_id', 'instance', 'created_at'],
    )


def _deployments() -> None:
    op.create_table(
        'deployments',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('user_id', WORD, nullable=False),
        sa.Column('transfer_id', ID, nullable=False),
        sa.Column('spec', LONG, nullable=False),
        sa.Column('last_execution_state', WORD, nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
    op.create_index(
        'ix_deployments_page',
        'deployments',
        ['project_id', 'created_at', 'id'],
    )
    op.create_index(
        'ix_deployments_transfer_id', 'deployments', ['transfer_id']
    )
    op.create_table(
        'deployed_vms',
        sa.Column('deployment_id', ID, nullable=False),
        sa.Column('instance', NAME, nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('recovery_point_id', ID, nullable=False),
        sa.Column('volumes', LONG, nullable=True),
        sa.Column('vm', LONG, nullable=True),
        sa.Column('address', NAME, nullable=False),
        sa.Column('morphed', LONG, nullable=False),
        sa.ForeignKeyConstraint(
            ['deployment_id'], ['deployments.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('deployment_id', 'instance'),
        **TABLE,
    )
    op.create_index(
        'ix_deployed_vms_recovery_point_id',
        'deployed_vms',
        ['recovery_point_id'],
    )


def _executions() -> None:
    op.create_table(
        'executions',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('owner_id', ID, nullable=False),
        sa.Column('kind', WORD, nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('state', WORD, nullable=False),
        sa.Column('cancel', WORD, nullable=False),
        sa.Column('spec', LONG, nullable=False),
        sa.Column('ended_at', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('owner_id', 'number', name='uq_executions_number'),
        **TABLE,
    )
    op.create_index(
        'ix_executions_page', 'executions', ['owner_id', 'created_at', 'id']
    )
    op.create_index('ix_executions_state', 'executions', ['state'])


def _tasks() -> None:
    op.create_table(
        'tasks',
        sa.Column('id', ID, nullable=False),
        sa.Column('execution_id', ID, nullable=False),
        sa.Column('name', WORD, nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('instance', NAME, nullable=False),
        sa.Column('index', sa.Integer(), nullable=False),
        sa.Column('state', WORD, nullable=False),
        sa.Column('reason', LONG, nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('cleanup', sa.Boolean(), nullable=False),
        sa.Column('service_id', ID, nullable=True),
        sa.Column('host', NAME, nullable=True),
        sa.Column('incarnation', WORD, nullable=True),
        sa.Column('lease_until', TIME, nullable=True),
        sa.Column('not_before', TIME, nullable=True),
        sa.Column('lost', sa.Integer(), nullable=False),
        sa.Column('advanced', sa.Boolean(), nullable=False),
        sa.Column('needs', LONG, nullable=False),
        sa.Column('cleans', LONG, nullable=False),
        sa.Column('input', LONG, nullable=False),
        sa.Column('output', LONG, nullable=True),
        sa.Column('checkpoint', LONG, nullable=True),
        sa.Column('started_at', TIME, nullable=True),
        sa.Column('ended_at', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ['execution_id'], ['executions.id'], ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('execution_id', 'index', name='uq_tasks_index'),
        **TABLE,
    )
    op.create_index('ix_tasks_holder', 'tasks', ['service_id', 'state'])
    op.create_index('ix_tasks_lease', 'tasks', ['state', 'lease_until'])


def _tales() -> None:
    op.create_table(
        'task_progress',
        sa.Column('task_id', ID, nullable=False),
        sa.Column('item', NAME, nullable=False),
        sa.Column('done', sa.BigInteger(), nullable=False),
        sa.Column('total', sa.BigInteger(), nullable=False),
        sa.Column('unit', WORD, nullable=False),
        sa.Column('rate', sa.Double(), nullable=True),
        sa.Column('eta_seconds', sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id', 'item'),
        **TABLE,
    )
    op.create_table(
        'task_notes',
        sa.Column('task_id', ID, nullable=False),
        sa.Column(
            'attempt', sa.Integer(), autoincrement=False, nullable=False
        ),
        sa.Column('index', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('at', TIME, nullable=False),
        sa.Column('level', WORD, nullable=False),
        sa.Column('text', LONG, nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id', 'attempt', 'index'),
        **TABLE,
    )


def _ledger() -> None:
    op.create_table(
        'ledger',
        sa.Column('number', NUMBER, nullable=False),
        sa.Column('id', sa.String(length=500), nullable=False),
        sa.Column('kind', WORD, nullable=False),
        sa.Column('side', sa.String(length=16), nullable=False),
        sa.Column('tag', NAME, nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('parent', LONG, nullable=False),
        sa.Column('endpoint_id', ID, nullable=True),
        sa.Column('execution_id', ID, nullable=False),
        sa.Column('task_id', ID, nullable=False),
        sa.Column('transfer_id', ID, nullable=True),
        sa.Column('deployment_id', ID, nullable=True),
        sa.Column('instance', NAME, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint(
            'task_id', 'kind', 'id', 'side', name='uq_ledger_thing'
        ),
        **TABLE,
    )
    op.create_index(
        'ix_ledger_deployment', 'ledger', ['deployment_id', 'instance']
    )
    op.create_index('ix_ledger_endpoint_id', 'ledger', ['endpoint_id'])
    op.create_index('ix_ledger_execution', 'ledger', ['execution_id'])
    op.create_index(
        'ix_ledger_transfer', 'ledger', ['transfer_id', 'instance']
    )


def _services() -> None:
    op.create_table(
        'services',
        sa.Column('id', ID, nullable=False),
        sa.Column('host', NAME, nullable=False),
        sa.Column('binary', WORD, nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('incarnation', WORD, nullable=False),
        sa.Column('former', WORD, nullable=False),
        sa.Column('release', WORD, nullable=False),
        sa.Column('mapped_regions', LONG, nullable=False),
        sa.Column('providers', LONG, nullable=False),
        sa.Column('seal_key', NAME, nullable=False),
        sa.Column('capacity', sa.Integer(), nullable=False),
        sa.Column('alive_at', TIME, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('host', 'binary', name='uq_services_host'),
        **TABLE,
    )
    op.create_table(
        'secrets',
        sa.Column('id', ID, nullable=False),
        sa.Column('project_id', WORD, nullable=False),
        sa.Column('ciphertext', BLOB, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **TABLE,
    )
