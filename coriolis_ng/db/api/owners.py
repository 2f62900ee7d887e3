# SPDX-License-Identifier: Apache-2.0
"""What transfers and deployments have in common as owners of executions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from coriolis_ng.db import models
from coriolis_ng.objects.execution import Cancel, ExecutionState


def being_cancelled(owner_id: Any) -> sa.ColumnElement[bool]:
    """A condition: an execution of that owner runs and was asked to
    stop."""
    table = models.Execution
    return (
        sa.select(table.id)
        .where(
            table.owner_id == owner_id,
            table.state == ExecutionState.RUNNING,
            table.cancel != Cancel.NO,
        )
        .correlate_except(table)
        .exists()
    )
