# SPDX-License-Identifier: Apache-2.0
"""The trust that a transfer or a schedule works under."""

from __future__ import annotations

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
