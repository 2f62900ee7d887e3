# SPDX-License-Identifier: Apache-2.0
"""Rows of replicas: one per machine, one per disk, one per point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng.db import models
from coriolis_ng.db.api import recovery_points
from coriolis_ng.db.clock import utcnow
from coriolis_ng.db.errors import Changed
from coriolis_ng.db.row import remove, swap
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.replica import Replica, ReplicaDisk
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import Volume


def get(session: Session, transfer_id: str, instance: str) -> Replica:
    """The replica of a machine; an empty one of version 0 when there is
    none yet."""
    for found in _load(session, [transfer_id], instance)[transfer_id]:
        return found
    return Replica(transfer_id=transfer_id, instance=instance)


def list(session: Session, transfer_id: str) -> Sequence[Replica]:  # noqa: A001
    """All replicas of a transfer, by instance, in three statements."""
    return _load(session, [transfer_id], None)[transfer_id]


def several(
    session: Session, transfer_ids: Sequence[str]
) -> dict[str, Sequence[Replica]]:
    """The same of several transfers, by transfer, in three statements."""
    return {**_load(session, transfer_ids, None)}


def save(session: Session, before: Replica, after: Replica) -> Replica:
    """Writes what differs, recovery points included; gives the replica
    with its new version.

    Raises ``Changed`` when the row's version is not that of ``before``.
    """
    if before.version == 0:
        _insert(session, after)
    else:
        _update(session, before.version, after)
    _save_disks(session, before, after)
    recovery_points.save(
        session, after.transfer_id, before.points, after.points
    )
    return _with_version(after, before.version + 1)


def touch(session: Session, replica: Replica) -> None:
    """Makes whoever read the replica and is going to save it begin anew;
    ``Changed`` when somebody was faster."""
    where = [
        models.Replica.transfer_id == replica.transfer_id,
        models.Replica.instance == replica.instance,
        models.Replica.version == replica.version,
    ]
    if not swap(session, models.Replica, where, version=replica.version + 1):
        raise Changed(f'the replica of {replica.instance!r} was changed')


def _with_version(replica: Replica, version: int) -> Replica:
    return Replica(
        transfer_id=replica.transfer_id,
        instance=replica.instance,
        version=version,
        vm=replica.vm,
        disks=replica.disks,
        points=replica.points,
        full_reason=replica.full_reason,
    )


def _insert(session: Session, after: Replica) -> None:
    # Whoever else inserts waits for this transaction and then finds
    # version 1, so the count of rows tells who was first.
    upsert(
        session,
        models.Replica,
        [
            {
                'transfer_id': after.transfer_id,
                'instance': after.instance,
                'version': 0,
                'full_reason': '',
                'created_at': utcnow(),
            }
        ],
        keys=['transfer_id', 'instance'],
        update=[],
    )
    _update(session, 0, after)


def _update(session: Session, version: int, after: Replica) -> None:
    where = [
        models.Replica.transfer_id == after.transfer_id,
        models.Replica.instance == after.instance,
        models.Replica.version == version,
    ]
    won = swap(
        session,
        models.Replica,
        where,
        version=version + 1,
        vm=to_plain(after.vm),
        full_reason=after.full_reason,
    )
    if not won:
        raise Changed(f'the replica of {after.instance!r} was changed')


def _save_disks(session: Session, before: Replica, after: Replica) -> None:
    old = {d.disk_id: (n, d) for n, d in enumerate(before.disks)}
    new = {d.disk_id: (n, d) for n, d in enumerate(after.disks)}
    if gone := [id for id in old if id not in new]:
        remove(
            session,
            models.ReplicaDisk,
            models.ReplicaDisk.transfer_id == after.transfer_id,
            models.ReplicaDisk.instance == after.instance,
            models.ReplicaDisk.disk_id.in_(gone),
        )
    rows = [
        {
            'transfer_id': after.transfer_id,
            'instance': after.instance,
            'disk_id': disk.disk_id,
            'position': position,
            'volume': to_plain(disk.volume),
            'dirty': disk.dirty,
            'checkpoint': disk.checkpoint,
        }
        for position, disk in new.values()
        if old.get(disk.disk_id) != (position, disk)
    ]
    upsert(
        session,
        models.ReplicaDisk,
        rows,
        keys=['transfer_id', 'instance', 'disk_id'],
        update=['position', 'volume', 'dirty', 'checkpoint'],
    )


def _load(
    session: Session, transfer_ids: Sequence[str], instance: str | None
) -> dict[str, Sequence[Replica]]:
    """By transfer, in the order of instances; all transfers are there."""

    def rows(model: Any, *order: Any) -> Iterable[Any]:
        where = [model.transfer_id.in_(transfer_ids)]
        if instance is not None:
            where.append(model.instance == instance)
        return session.scalars(
            sa.select(model)
            .where(*where)
            .order_by(model.transfer_id, model.instance, *order)
            .execution_options(populate_existing=True)
        ).all()

    # The version first: a change that comes in between makes it too old,
    # and never the content.
    machines = rows(models.Replica)
    disks: dict[tuple[str, str], Any] = {}
    for disk in rows(models.ReplicaDisk, models.ReplicaDisk.position):
        of_machine = disks.setdefault((disk.transfer_id, disk.instance), [])
        of_machine.append(_disk(disk))
    point = models.RecoveryPoint
    points: dict[tuple[str, str], Any] = {}
    for row in rows(point, point.created_at.desc(), point.id.desc()):
        of_machine = points.setdefault((row.transfer_id, row.instance), [])
        of_machine.append(recovery_points.value(row))
    found: dict[str, Any] = {id: [] for id in transfer_ids}
    for row in machines:
        key = row.transfer_id, row.instance
        found[row.transfer_id].append(
            Replica(
                transfer_id=row.transfer_id,
                instance=row.instance,
                version=row.version,
                vm=from_plain(Vm, row.vm) if row.vm else None,
                disks=tuple(disks.get(key, ())),
                points=tuple(points.get(key, ())),
                full_reason=row.full_reason,
            )
        )
    return found


def _disk(row: models.ReplicaDisk) -> ReplicaDisk:
    return ReplicaDisk(
        disk_id=row.disk_id,
        volume=from_plain(Volume, row.volume) if row.volume else None,
        dirty=row.dirty,
        checkpoint=row.checkpoint,
    )
