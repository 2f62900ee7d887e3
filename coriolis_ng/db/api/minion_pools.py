# SPDX-License-Identifier: Apache-2.0
"""Rows of minion pools, of their machines and of what happened to them."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.clock import later, utcnow
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import of_id, remove, swap, update_version
from coriolis_ng.db.upsert import CHUNK
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.minion_pool import (
    MachineState,
    MinionPool,
    PoolEvent,
    PoolMachine,
    PoolSpec,
    PoolState,
    Power,
)
from coriolis_ng.objects.task import Level

_ALLOWED = {
    'endpoint_id': models.MinionPool.endpoint_id,
    'state': models.MinionPool.state,
    'created_at': models.MinionPool.created_at,
}
# How much of its story is shown with a pool.
EVENTS = 50


def create(session: Session, pool: MinionPool) -> MinionPool:
    """Stores it as given, without machines; its endpoint must exist."""
    row = models.MinionPool(
        id=pool.id,
        project_id=pool.project_id,
        user_id=pool.user_id,
        endpoint_id=pool.spec.endpoint_id,
        spec=to_plain(pool.spec),
        state=pool.state,
        created_at=pool.created_at or utcnow(),
    )
    session.add(row)
    session.flush()
    return _value(row, [], [])


def get(
    session: Session, id: str, project_id: str | None = None
) -> MinionPool:
    """With machines and events; ``NotFound`` for another project's."""
    row = of_id(session, models.MinionPool, id, project_id)
    return _values(session, [row])[0]


def list(  # noqa: A001
    session: Session, project_id: str | None, page: Page | None = None
) -> Sequence[MinionPool]:
    """A page of a project's pools (of all projects for None)."""
    where = (
        []
        if project_id is None
        else [models.MinionPool.project_id == project_id]
    )
    rows = select_page(
        session, models.MinionPool, page or Page(), where, _ALLOWED
    )
    return _values(session, rows)


def update(session: Session, pool: MinionPool) -> MinionPool:
    """Writes the spec of a value made from one that was read; ``Changed``
    when the row's version is not the value's."""
    update_version(
        session,
        models.MinionPool,
        pool.id,
        pool.version,
        spec=to_plain(pool.spec),
    )
    return get(session, pool.id)


def delete(session: Session, id: str) -> None:
    """``Conflict`` unless nothing of it is left in the cloud."""
    pool = get(session, id)
    where = [
        models.MinionPool.id == id,
        models.MinionPool.state.in_([PoolState.DEALLOCATED, PoolState.ERROR]),
        models.MinionPool.busy_with.is_(None),
    ]
    if pool.machines or not remove(session, models.MinionPool, *where):
        raise errors.Conflict(
            f'The pool is {pool.state} and has {len(pool.machines)} '
            'machines: deallocate it first.'
        )


def users_of(session: Session, endpoint_id: str) -> Sequence[str]:
    """The ids of the pools in the cloud of an endpoint."""
    return session.scalars(
        sa.select(models.MinionPool.id)
        .where(models.MinionPool.endpoint_id == endpoint_id)
        .order_by(models.MinionPool.id)
    ).all()


def switch(
    session: Session,
    id: str,
    before: Sequence[PoolState],
    after: PoolState,
    *,
    held_by: str | None,
    hold: str | None,
) -> bool:
    """The one way to change a pool's state: from one of ``before`` while
    ``held_by`` (None: nobody) holds it, to ``after``, held by ``hold``."""
    table = models.MinionPool
    holder = (
        table.busy_with.is_(None)
        if held_by is None
        else table.busy_with == held_by
    )
    where = [table.id == id, table.state.in_([*before]), holder]
    return swap(session, table, where, state=after, busy_with=hold) == 1


def tell(
    session: Session, pool_id: str, message: str, level: Level = Level.INFO
) -> None:
    """Adds a line to the pool's story."""
    session.add(
        models.MinionPoolEvent(
            pool_id=pool_id, level=level, message=message, created_at=utcnow()
        )
    )
    session.flush()


def add_machine(session: Session, machine: PoolMachine) -> PoolMachine:
    """Stores it as given."""
    session.add(
        models.MinionMachine(
            id=machine.id,
            pool_id=machine.pool_id,
            state=machine.state,
            power=machine.power,
            minion=to_plain(machine.minion) if machine.minion else None,
            claimed_by=machine.claimed_by,
            instance=machine.instance,
            action_id=machine.action_id,
            last_used_at=machine.last_used_at,
        )
    )
    session.flush()
    return machine_of(session, machine.id)


def machine_of(session: Session, id: str) -> PoolMachine:
    """One machine; ``NotFound``."""
    return _machine(of_id(session, models.MinionMachine, id))


def save_machine(session: Session, machine: PoolMachine) -> PoolMachine:
    """Writes a value made from one that was read; ``Changed`` when the
    row's version is not the value's."""
    update_version(
        session,
        models.MinionMachine,
        machine.id,
        machine.version,
        state=machine.state,
        power=machine.power,
        minion=to_plain(machine.minion) if machine.minion else None,
        claimed_by=machine.claimed_by,
        instance=machine.instance,
        action_id=machine.action_id,
        last_used_at=machine.last_used_at,
    )
    return machine_of(session, machine.id)


def drop_machine(session: Session, id: str) -> None:
    """Forgets a machine that is gone from the cloud."""
    remove(session, models.MinionMachine, models.MinionMachine.id == id)


def take(
    session: Session,
    machine_id: str,
    claimed_by: str,
    *,
    instance: str,
    action_id: str,
) -> bool:
    """Claims a machine that is free; False when it is not."""
    table = models.MinionMachine
    where = [
        table.id == machine_id,
        table.state == MachineState.AVAILABLE,
        table.claimed_by.is_(None),
    ]
    return (
        swap(
            session,
            table,
            where,
            state=MachineState.IN_USE,
            claimed_by=claimed_by,
            instance=instance,
            action_id=action_id,
            last_used_at=later(0),
        )
        == 1
    )


def claimed(
    session: Session, claimed_by: str, instance: str | None = None
) -> Sequence[PoolMachine]:
    """The machines that an execution has; of one instance, or all."""
    table = models.MinionMachine
    where = [table.claimed_by == claimed_by]
    if instance is not None:
        where.append(table.instance == instance)
    rows = session.scalars(
        sa.select(table)
        .where(*where)
        .order_by(table.created_at, table.id)
        .execution_options(populate_existing=True)
    )
    return [_machine(row) for row in rows]


def keys_in(session: Session, pool_ids: Collection[str]) -> frozenset[str]:
    """References of the keys with which the machines of these pools are
    reached; other ids may be among them."""
    table = models.MinionMachine
    wanted = sorted(pool_ids)
    found: set[str] = set()
    for begin in range(0, len(wanted), CHUNK):
        some = table.pool_id.in_(wanted[begin : begin + CHUNK])
        rows = session.scalars(sa.select(table).where(some))
        found |= {key for row in rows if (key := _machine(row).key)}
    return frozenset(found)


def hold(session: Session, id: str) -> None:
    """Whoever claims machines of one pool does it one after the other."""
    table = models.MinionPool
    swap(session, table, [table.id == id], updated_at=table.updated_at)


def with_options(session: Session, machine: PoolMachine) -> PoolMachine:
    """The machine with its pool's options."""
    row = of_id(session, models.MinionPool, machine.pool_id)
    spec = from_plain(PoolSpec, row.spec)
    return msgspec.structs.replace(machine, options=spec.environment_options)


def free_in(session: Session, state: PoolState) -> Sequence[str]:
    """The ids of all pools in that state that nobody holds."""
    table = models.MinionPool
    return session.scalars(
        sa.select(table.id)
        .where(table.state == state, table.busy_with.is_(None))
        .order_by(table.id)
    ).all()


def touched_within(
    session: Session, pool_id: str, seconds: float
) -> Sequence[str]:
    """The ids of machines whose row changed a moment ago, by the
    database's clock."""
    table = models.MinionMachine
    return session.scalars(
        sa.select(table.id).where(
            table.pool_id == pool_id, table.updated_at > later(-seconds)
        )
    ).all()


def idle_since(
    session: Session, pool_id: str, seconds: float
) -> Sequence[PoolMachine]:
    """Free machines that nobody used for so long, by the database's
    clock; the longest idle first."""
    table = models.MinionMachine
    used = sa.func.coalesce(table.last_used_at, table.created_at)
    rows = session.scalars(
        sa.select(table)
        .where(
            table.pool_id == pool_id,
            table.state == MachineState.AVAILABLE,
            used <= later(-seconds),
        )
        .order_by(used, table.id)
        .execution_options(populate_existing=True)
    )
    return [_machine(row) for row in rows]


def _values(
    session: Session, rows: Sequence[models.MinionPool]
) -> Sequence[MinionPool]:
    if not rows:
        return []
    ids = [row.id for row in rows]
    machines: dict[str, builtins.list[PoolMachine]] = {id: [] for id in ids}
    events: dict[str, builtins.list[PoolEvent]] = {id: [] for id in ids}
    table = models.MinionMachine
    for one in session.scalars(
        sa.select(table)
        .where(table.pool_id.in_(ids))
        .order_by(table.created_at, table.id)
        .execution_options(populate_existing=True)
    ):
        machines[one.pool_id].append(_machine(one))
    for event in _events(session, ids):
        events[event.pool_id].append(event)
    return [_value(row, machines[row.id], events[row.id]) for row in rows]


def _events(session: Session, ids: Sequence[str]) -> Sequence[PoolEvent]:
    table = models.MinionPoolEvent
    number = (
        sa.func.row_number()
        .over(partition_by=table.pool_id, order_by=table.number.desc())
        .label('place')
    )
    newest = (
        sa.select(table.number, number)
        .where(table.pool_id.in_(ids))
        .subquery()
    )
    rows = session.scalars(
        sa.select(table)
        .join(newest, newest.c.number == table.number)
        .where(newest.c.place <= EVENTS)
        .order_by(table.number)
    )
    return [
        PoolEvent(
            id=str(row.number),
            pool_id=row.pool_id,
            index=row.number,
            message=row.message,
            level=Level(row.level),
            created_at=row.created_at,
        )
        for row in rows
    ]


def _value(
    row: models.MinionPool,
    machines: Sequence[PoolMachine],
    events: Sequence[PoolEvent],
) -> MinionPool:
    return MinionPool(
        id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        spec=from_plain(PoolSpec, row.spec),
        state=PoolState(row.state),
        busy_with=row.busy_with,
        machines=tuple(machines),
        events=tuple(events),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _machine(row: models.MinionMachine) -> PoolMachine:
    return PoolMachine(
        id=row.id,
        pool_id=row.pool_id,
        state=MachineState(row.state),
        power=Power(row.power),
        minion=from_plain(Minion, row.minion) if row.minion else None,
        claimed_by=row.claimed_by,
        instance=row.instance,
        action_id=row.action_id,
        last_used_at=row.last_used_at,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
