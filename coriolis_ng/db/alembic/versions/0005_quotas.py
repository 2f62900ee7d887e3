# SPDX-License-Identifier: Apache-2.0
"""Quotas of a project, and the log of events."""

from __future__ import annotations

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
