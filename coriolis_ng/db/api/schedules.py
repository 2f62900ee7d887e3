# SPDX-License-Identifier: Apache-2.0
"""Rows of schedules, and the claims of their due times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.clock import later, utcnow
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, remove, swap, update_version
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.schedule import (
    RunState,
    Schedule,
    ScheduleRun,
    ScheduleSpec,
)

_ALLOWED = {'created_at': models.Schedule.created_at}


def create(session: Session, schedule: Schedule) -> Schedule:
    """Stores it as given; its transfer must exist."""
    row = models.Schedule(
        id=schedule.id,
        transfer_id=schedule.transfer_id,
        project_id=schedule.project_id,
        user_id=schedule.user_id,
        spec=to_plain(schedule.spec),
        expires_at=schedule.spec.expiration_date,
        next_due_at=schedule.next_due_at,
        created_at=schedule.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    return _value(row, None)


def get(session: Session, id: str, project_id: str | None = None) -> Schedule:
    """``NotFound`` for another project's; None means any project."""
    row = of_id(session, models.Schedule, id, project_id)
    return _values(session, [row])[0]


def list(  # noqa: A001
    session: Session,
    transfer_id: str,
    page: Page | None = None,
    *,
    show_expired: bool = True,
) -> Sequence[Schedule]:
    """A page of the schedules of a transfer; expired by the database's
    clock."""
    where: Any = [models.Schedule.transfer_id == transfer_id]
    if not show_expired:
        ends = models.Schedule.expires_at
        where.append(sa.or_(ends.is_(None), ends > later(0)))
    rows = select_page(
        session, models.Schedule, page or Page(), where, _ALLOWED
    )
    return _values(session, rows)


def update(session: Session, schedule: Schedule) -> Schedule:
    """Writes the spec and the next due time of a value made from one that
    was read; ``Changed`` when the row's version is not the value's."""
    update_version(
        session,
        models.Schedule,
        schedule.id,
        schedule.version,
        spec=to_plain(schedule.spec),
        expires_at=schedule.spec.expiration_date,
        next_due_at=schedule.next_due_at,
    )
    return get(session, schedule.id)


def delete(session: Session, id: str) -> None:
    """``NotFound`` when it is gone already; what it started goes on."""
    if not remove(session, models.Schedule, models.Schedule.id == id):
        raise errors.NotFound(f'there is no schedule {id!r}')


def due(
    session: Session, limit: int = 100, after: Schedule | None = None
) -> Sequence[Schedule]:
    """Those whose due time has come by the database's clock, the longest
    overdue first; the page behind ``after``."""
    table = models.Schedule
    when = table.next_due_at
    where = [when <= later(0)]
    if after is not None:
        where.append(
            sa.or_(
                when > after.next_due_at,
                sa.and_(when == after.next_due_at, table.id > after.id),
            )
        )
    rows = session.scalars(
        sa.select(table)
        .where(*where)
        .order_by(when, table.id)
        .limit(limit)
        .execution_options(populate_existing=True)
    ).all()
    return _values(session, rows)


def claim(session: Session, schedule: Schedule, run: ScheduleRun) -> None:
    """Says what became of a due time and moves the schedule on to its
    ``next_due_at``; no change of the user's, so no new version.

    ``Stale`` when the schedule is not as it was read, or somebody else has
    done it: of several conductors one wins.
    """
    row = models.ScheduleRun(
        schedule_id=run.schedule_id,
        due_at=run.due_at,
        state=run.state,
        execution_id=run.execution_id,
        message=run.message,
        created_at=run.created_at or utcnow(),
    )
    session.add(row)
    try:
        session.flush()
    except (exception.DBDuplicateEntry, exception.DBReferenceError):
        raise errors.Stale('That due time was claimed already.') from None
    where = [
        models.Schedule.id == schedule.id,
        models.Schedule.version == schedule.version,
        # Nobody else has moved it on: it is due, or not later than this.
        models.Schedule.next_due_at <= run.due_at,
    ]
    values = {'next_due_at': schedule.next_due_at}
    if not swap(session, models.Schedule, where, **values):
        raise errors.Stale('The schedule was changed.')


def runs(session: Session, id: str, limit: int = 100) -> Sequence[ScheduleRun]:
    """The last runs of a schedule, newest first."""
    rows = session.scalars(
        sa.select(models.ScheduleRun)
        .where(models.ScheduleRun.schedule_id == id)
        .order_by(models.ScheduleRun.due_at.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [_run(row) for row in rows]


def forget_runs(session: Session, days: int) -> int:
    """Drops what became of due times longer ago; how many. The last run
    of each schedule stays."""
    table = models.ScheduleRun
    last = (
        sa.select(table.schedule_id, sa.func.max(table.due_at).label('due_at'))
        .group_by(table.schedule_id)
        .subquery()
    )
    old = session.execute(
        sa.select(table.schedule_id, table.due_at)
        .join(last, last.c.schedule_id == table.schedule_id)
        .where(
            table.due_at < last.c.due_at,
            table.due_at < later(-86400 * days),
        )
        .limit(500)
    ).all()
    return sum(
        remove(session, table, table.schedule_id == id, table.due_at == due_at)
        for id, due_at in old
    )


def _last_runs(session: Session, ids: Sequence[str]) -> dict[str, ScheduleRun]:
    table = models.ScheduleRun
    last = (
        sa.select(table.schedule_id, sa.func.max(table.due_at).label('due_at'))
        .where(table.schedule_id.in_(ids))
        .group_by(table.schedule_id)
        .subquery()
    )
    rows = session.scalars(
        sa.select(table)
        .join(
            last,
            sa.and_(
                table.schedule_id == last.c.schedule_id,
                table.due_at == last.c.due_at,
            ),
        )
        .execution_options(populate_existing=True)
    )
    return {row.schedule_id: _run(row) for row in rows}


def _values(
    session: Session, rows: Sequence[models.Schedule]
) -> Sequence[Schedule]:
    if not rows:
        return []
    last = _last_runs(session, [row.id for row in rows])
    return [_value(row, last.get(row.id)) for row in rows]


def _value(row: models.Schedule, last: ScheduleRun | None) -> Schedule:
    return Schedule(
        id=row.id,
        transfer_id=row.transfer_id,
        project_id=row.project_id,
        user_id=row.user_id,
        spec=from_plain(ScheduleSpec, row.spec),
        next_due_at=row.next_due_at,
        last_run=last,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _run(row: models.ScheduleRun) -> ScheduleRun:
    return ScheduleRun(
        schedule_id=row.schedule_id,
        due_at=row.due_at,
        state=RunState(row.state),
        execution_id=row.execution_id,
        message=row.message,
        created_at=row.created_at,
    )
