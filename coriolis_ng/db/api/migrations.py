# SPDX-License-Identifier: Apache-2.0
"""Pages over what older clients call migrations: transfers of the live kind,
and deployments that belong to none of these."""

from __future__ import annotations

import types
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.objects.transfer import Scenario


def list(  # noqa: A001
    session: Session, project_id: str, page: Page | None = None
) -> Sequence[str]:
    """The ids of a page of a project's migrations, in their order; each is
    that of a transfer or of a deployment."""
    transfer, deployment = models.Transfer, models.Deployment
    live = Scenario.LIVE_MIGRATION
    moving = sa.select(
        transfer.id, transfer.created_at, transfer.updated_at
    ).where(transfer.project_id == project_id, transfer.scenario == live)
    part_of_one = (
        sa.select(transfer.id)
        .where(
            transfer.id == deployment.transfer_id,
            transfer.project_id == project_id,
            transfer.scenario == live,
        )
        .correlate(deployment)
        .exists()
    )
    made = sa.select(
        deployment.id, deployment.created_at, deployment.updated_at
    ).where(deployment.project_id == project_id, sa.not_(part_of_one))
    both = sa.union_all(moving, made).subquery().c
    table = types.SimpleNamespace(
        id=both.id, created_at=both.created_at, updated_at=both.updated_at
    )
    return select_page(session, table, page or Page(), [], {}, what=both.id)
