# SPDX-License-Identifier: Apache-2.0
"""Slots as counter rows, and what the audit looks at again."""

from __future__ import annotations

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
