# SPDX-License-Identifier: Apache-2.0
"""Regions, schedules and pools of minions."""

from __future__ import annotations

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
