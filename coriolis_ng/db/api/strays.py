# SPDX-License-Identifier: Apache-2.0
"""Strays: entries of the ledger whose execution has ended and that nobody
owns. Who owns what is asked of the rows anew each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.clock import later
from coriolis_ng.db.page import Page
from coriolis_ng.db.row import remove, swap
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.objects.stray import Stray
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import ClonedVolumes, Volume

_Row = models.Ledger
CHUNK = 500
FILTERS = {
    'endpoint_id': _Row.endpoint_id,
    'transfer_id': _Row.transfer_id,
    'deployment_id': _Row.deployment_id,
    'execution_id': _Row.execution_id,
    'kind': _Row.kind,
}


def list(  # noqa: A001
    session: Session, project_id: str | None, page: Page | None = None
) -> Sequence[Stray]:
    """A page of them, the oldest first; ``page.sort`` is not looked at.

    Most entries are owned, so the ledger is read in pieces until the page
    is full.
    """
    page = page or Page()
    where: Any = []
    for name, value in page.filters.items():
        if name not in FILTERS:
            raise errors.InvalidInput(
                f'cannot filter by {name!r}', field=f'$.{name}'
            )
        where.append(FILTERS[name] == value)
    after = _number(page.marker, '$.marker') if page.marker else 0
    found: Any = []
    while len(found) < page.limit:
        rows = _rows(session, project_id, [*where, _Row.number > after])
        found.extend(_unowned(session, rows))
        if len(rows) < CHUNK:
            break
        after = rows[-1].number
    return [_value(row) for row in found[: page.limit]]


def get(session: Session, id: str, project_id: str | None = None) -> Stray:
    """``NotFound`` when it is no stray (any more), or another project's."""
    try:
        number = _number(id, 'id')
    except errors.InvalidInput:
        number = 0
    rows = _rows(session, project_id, [_Row.number == number])
    for row in _unowned(session, rows):
        return _value(row)
    raise errors.NotFound(f'there is no stray {id!r}')


def due(session: Session, limit: int = 100) -> Sequence[Stray]:
    """Those that the audit is to remove now. What a busy transfer has left
    is not among them: its cleanups remove it."""
    busy = (
        sa.select(models.Transfer.id)
        .where(
            models.Transfer.id == _Row.transfer_id,
            models.Transfer.busy_with.is_not(None),
        )
        .exists()
    )
    ready = sa.or_(_Row.retry_at.is_(None), _Row.retry_at <= later(0))
    after = 0
    found: Any = []
    while len(found) < limit:
        rows = _rows(
            session, None, [ready, sa.not_(busy), _Row.number > after]
        )
        found.extend(_unowned(session, rows))
        if len(rows) < CHUNK:
            break
        after = rows[-1].number
    return [_value(row) for row in found[:limit]]


def claim(session: Session, stray: Stray, delay_seconds: float) -> bool:
    """Counts a try that the caller now makes, and puts the next one off;
    one caller wins."""
    where = [_Row.number == int(stray.id), _Row.tries == stray.tries]
    values = {'tries': stray.tries + 1, 'retry_at': later(delay_seconds)}
    return swap(session, _Row, where, **values) == 1


def kept(session: Session, stray: Stray, reason: str) -> None:
    """Says why it could not be removed."""
    swap(session, _Row, [_Row.number == int(stray.id)], reason=reason)


def delete(session: Session, stray: Stray) -> None:
    """Takes it out of the ledger: it is gone, or a user says so."""
    remove(session, _Row, _Row.number == int(stray.id))


def _number(text: str, field: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise errors.InvalidInput(
            f'there is no {text!r} to continue after', field=field
        )
    return int(text)


def _rows(
    session: Session,
    project_id: str | None,
    where: Iterable[sa.ColumnElement[bool]],
) -> Sequence[Any]:
    """Entries of executions that have ended or are gone."""
    execution = models.Execution
    running = (
        sa.select(execution.id)
        .where(
            execution.id == _Row.execution_id,
            execution.state == ExecutionState.RUNNING,
        )
        .exists()
    )
    query = (
        sa.select(_Row)
        .where(
            _Row.kind != ResourceKind.SECRET,
            _Row.side.in_([Side.SOURCE, Side.TARGET]),
            sa.not_(running),
            *where,
        )
        .order_by(_Row.number)
        .limit(CHUNK)
        .execution_options(populate_existing=True)
    )
    if project_id is not None:
        query = query.where(_Row.project_id == project_id)
    return session.scalars(query).all()


def _unowned(session: Session, rows: Sequence[Any]) -> Sequence[Any]:
    owned: set[str] = set()
    for of in OWNERS:
        owned |= of(session, rows)
    return [row for row in rows if row.id not in owned]


def _of_replicas(session: Session, rows: Sequence[Any]) -> set[str]:
    """Volumes, marks at the source, and recovery points."""
    ids = sorted({row.transfer_id for row in rows if row.transfer_id})
    disk, point = models.ReplicaDisk, models.RecoveryPoint
    owned: set[str] = set()
    for volume, mark in session.execute(
        sa.select(disk.volume, disk.checkpoint).where(
            disk.transfer_id.in_(ids)
        )
    ):
        if volume:
            owned.add(from_plain(Volume, volume).id)
        if mark:
            owned.add(mark)
    for data in session.scalars(
        sa.select(point.data).where(point.transfer_id.in_(ids))
    ):
        owned |= {one.id for one in from_plain(RecoveryPoint, data).disks}
    return owned


def _of_deployments(session: Session, rows: Sequence[Any]) -> set[str]:
    """Machines that were made, with their volumes."""
    ids = sorted({row.deployment_id for row in rows if row.deployment_id})
    machine = models.DeployedVm
    owned: set[str] = set()
    for vm, volumes in session.execute(
        sa.select(machine.vm, machine.volumes).where(
            machine.deployment_id.in_(ids)
        )
    ):
        if not vm:
            continue
        owned.add(from_plain(Vm, vm).id)
        if volumes:
            kept = from_plain(ClonedVolumes, volumes)
            owned |= {volume.id for volume in kept.items}
    return owned


def _of_pools(session: Session, rows: Sequence[Any]) -> set[str]:
    """Worker VMs that are kept ready, and the files that hang on them."""
    ids = sorted({row.endpoint_id for row in rows if row.endpoint_id})
    machine, pool = models.MinionMachine, models.MinionPool
    several = session.scalars(
        sa.select(machine.minion)
        .join(pool, pool.id == machine.pool_id)
        .where(pool.endpoint_id.in_(ids))
    )
    owned = {from_plain(Minion, one).id for one in several if one}
    return owned | {
        row.id
        for row in rows
        if row.kind == ResourceKind.FILE and row.parent in owned
    }


# Whatever keeps things in a cloud after an execution says here what it owns:
# given entries, the ids that are not to be touched.
OWNERS: tuple[Callable[[Session, Sequence[Any]], set[str]], ...] = (
    _of_replicas,
    _of_deployments,
    _of_pools,
)


def _value(row: Any) -> Stray:
    return Stray(
        id=str(row.number),
        project_id=row.project_id or '',
        kind=ResourceKind(row.kind),
        resource_id=row.id,
        tag=row.tag,
        side=Side(row.side),
        execution_id=row.execution_id,
        task_id=row.task_id,
        created_at=row.created_at,
        endpoint_id=row.endpoint_id,
        transfer_id=row.transfer_id,
        deployment_id=row.deployment_id,
        instance=row.instance,
        parent=row.parent,
        attempt=row.attempt,
        reason=row.reason,
        tries=row.tries,
        retry_at=row.retry_at,
    )
