# SPDX-License-Identifier: Apache-2.0
"""What transfers and deployments have in common as owners of executions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.objects.deployment import Deployment
from coriolis_ng.objects.execution import Cancel, ExecutionState
from coriolis_ng.objects.transfer import Transfer

Owner = TypeVar('Owner', Transfer, Deployment)


def told(session: Session, shown: Iterable[Owner]) -> Sequence[Owner]:
    """The same, with those marked as ``cancelling`` that are: for who shows
    them. One statement, and none where nothing runs."""
    values = list(shown)
    state = ExecutionState.RUNNING
    running = [one.id for one in values if one.last_execution_state == state]
    if not running:
        return values
    table = models.Execution
    asked = set(
        session.scalars(
            sa.select(table.owner_id).where(
                table.owner_id.in_(running),
                table.state == state,
                table.cancel != Cancel.NO,
            )
        )
    )
    return [
        msgspec.structs.replace(one, cancelling=True)
        if one.id in asked
        else one
        for one in values
    ]


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
