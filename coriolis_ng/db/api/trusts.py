# SPDX-License-Identifier: Apache-2.0
"""Rows of trusts: what Keystone was asked for, and must forget again."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.row import of_id, remove, swap
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.trust import Trust, TrustKind, TrustState


def create(session: Session, trust: Trust) -> Trust:
    """Says that it is being made; committed before Keystone is asked."""
    row = models.Trust(
        id=trust.id,
        project_id=trust.project_id,
        user_id=trust.user_id,
        owner_id=trust.owner_id,
        roles=[*trust.roles],
        kind=trust.kind,
        state=trust.state,
        external_id=trust.external_id,
        secret=trust.secret,
        created_at=trust.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    return _value(row)


def get(session: Session, id: str) -> Trust:
    """``NotFound`` when it is gone."""
    return _value(of_id(session, models.Trust, id))


def find(session: Session, owner_id: str) -> Trust | None:
    """The newest one that its owner can work under."""
    row = session.scalars(
        sa.select(models.Trust)
        .where(
            models.Trust.owner_id == owner_id,
            models.Trust.state == TrustState.MADE,
        )
        .order_by(models.Trust.created_at.desc(), models.Trust.id)
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if row is None else _value(row)


def made(
    session: Session, id: str, kind: TrustKind, external_id: str, secret: str
) -> Trust:
    """Keystone has made it; nobody owns it yet."""
    swap(
        session,
        models.Trust,
        [models.Trust.id == id],
        kind=kind,
        external_id=external_id,
        secret=secret,
    )
    return get(session, id)


def own(session: Session, id: str, owner_id: str) -> None:
    """Its owner may work under it; ``Stale`` when it was given up."""
    where = [models.Trust.id == id, models.Trust.state == TrustState.MAKING]
    state = TrustState.MADE
    if not swap(session, models.Trust, where, state=state, owner_id=owner_id):
        raise errors.Stale('the trust was given up meanwhile: try again')


def abandon(session: Session, id: str) -> None:
    """It is to be dropped."""
    where = [models.Trust.id == id]
    swap(session, models.Trust, where, state=TrustState.DROPPING)


def using(session: Session, endpoint_id: str) -> Trust | None:
    """The newest one of a transfer with that endpoint on either side; else
    of one that is gone and left something there."""
    of_transfers = (
        sa.select(models.Trust)
        .join(models.Transfer, models.Transfer.id == models.Trust.owner_id)
        .where(
            models.Trust.state == TrustState.MADE,
            sa.or_(
                models.Transfer.origin_endpoint_id == endpoint_id,
                models.Transfer.destination_endpoint_id == endpoint_id,
            ),
        )
    )
    kept = sa.select(models.Trust).where(
        models.Trust.state == TrustState.DROPPING, _is_kept(endpoint_id)
    )
    for query in (of_transfers, kept):
        row = session.scalars(
            query.order_by(
                models.Trust.created_at.desc(), models.Trust.id
            ).limit(1)
        ).one_or_none()
        if row is not None:
            return _value(row)
    return None


def _is_kept(endpoint_id: str | None = None) -> sa.ColumnElement[bool]:
    """Whether the owner is gone, and has left something to look for or to
    remove in a cloud that can be asked (or in that one)."""
    owner = models.Trust.owner_id
    left = []
    for table in (models.Audit, models.Ledger):
        query = (
            sa.select(table.endpoint_id)
            .join(models.Endpoint, models.Endpoint.id == table.endpoint_id)
            .where(table.transfer_id == owner)
        )
        if table is models.Ledger:
            # What a deployment has is its user's.
            query = query.where(
                models.Ledger.kind != ResourceKind.SECRET,
                models.Ledger.deployment_id.is_(None),
            )
        if endpoint_id is not None:
            query = query.where(table.endpoint_id == endpoint_id)
        left.append(query.exists())
    alive = [
        sa.select(table.id).where(table.id == owner).exists()
        for table in (models.Transfer, models.MinionPool)
    ]
    return sa.and_(sa.not_(sa.or_(*alive)), sa.or_(*left))


def doom(session: Session, *, owner_id: str, but: str = '') -> int:
    """Nobody works under the owner's (but the one of that id) any more."""
    where = [
        models.Trust.owner_id == owner_id,
        models.Trust.id != but,
        models.Trust.state != TrustState.DROPPING,
    ]
    return swap(session, models.Trust, where, state=TrustState.DROPPING)


def to_drop(session: Session, before: datetime.datetime) -> Sequence[Trust]:
    """Those that are to be dropped, and those that somebody began to make
    ``before`` and never finished; a few at a time. What the audit still
    needs to clean up after a transfer that is gone stays until then."""
    rows = session.scalars(
        sa.select(models.Trust)
        .where(
            sa.or_(
                sa.and_(
                    models.Trust.state == TrustState.DROPPING,
                    sa.not_(_is_kept()),
                ),
                sa.and_(
                    models.Trust.state == TrustState.MAKING,
                    models.Trust.created_at < before,
                ),
            )
        )
        .order_by(models.Trust.created_at, models.Trust.id)
        .limit(100)
        .execution_options(populate_existing=True)
    )
    return [_value(row) for row in rows]


def delete(session: Session, id: str) -> None:
    """Keystone has forgotten it; silent when the row is gone."""
    remove(session, models.Trust, models.Trust.id == id)


def _value(row: models.Trust) -> Trust:
    return Trust(
        id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        owner_id=row.owner_id,
        roles=tuple(row.roles),
        kind=TrustKind(row.kind),
        state=TrustState(row.state),
        external_id=row.external_id,
        secret=row.secret,
        created_at=row.created_at,
    )
