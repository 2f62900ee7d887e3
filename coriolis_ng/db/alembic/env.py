# SPDX-License-Identifier: Apache-2.0
"""Runs revisions on the connection that ``db.migration`` opened."""

from __future__ import annotations

from alembic import context

from coriolis_ng.db.models import Base

context.configure(
    connection=context.config.attributes['connection'],
    target_metadata=Base.metadata,
    # SQLite can take back a CREATE: a failed sync leaves nothing behind.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
