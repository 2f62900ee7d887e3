# SPDX-License-Identifier: Apache-2.0
"""Minion pools: made, changed, removed, and their machines looked after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import plans, schemas
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.versions import check_version
from coriolis_ng.db import api as db
from coriolis_ng.objects import from_plain, new_id, to_plain
from coriolis_ng.objects.execution import ExecutionKind
from coriolis_ng.objects.minion_pool import (
    MachineState,
    MinionPool,
    PoolMachine,
    PoolPlatform,
    PoolSpec,
    PoolState,
)
from coriolis_ng.providers import registry
from coriolis_ng.scheduler.upkeep import Upkeep, needed

LOG = logging.getLogger(__name__)

# How long a broken machine is left alone before it is tried again.
HEAL_SECONDS = 60

FIXED = ('endpoint_id', 'platform')


def create(parts: Parts, who: Asker, spec: PoolSpec) -> MinionPool:
    """``InvalidInput`` names what is wrong; nothing is made in the cloud
    before ``allocate``."""
    pool = MinionPool(
        id=new_id(),
        project_id=who.project_id,
        user_id=who.user_id,
        spec=spec,
    )

    def write(session: Session) -> MinionPool:
        _check(parts, session, who, spec)
        return db.minion_pools.create(session, pool)

    return parts.database.write(write)


def update(
    parts: Parts,
    who: Asker,
    id: str,
    changes: dict[str, Any],
    version: int | None = None,
) -> MinionPool:
    """``changes`` are fields of ``PoolSpec``; ``Conflict`` while the pool
    has anything in the cloud, ``PreconditionFailed`` when it is not of
    that version any more."""

    def write(session: Session) -> MinionPool:
        before = db.minion_pools.get(session, id, who.project_id)
        check_version(before, version)
        for name in FIXED:
            if changes.get(name, '') not in {'', getattr(before.spec, name)}:
                raise errors.InvalidInput(
                    f'The {name} of a pool cannot be changed.',
                    field=f'$.{name}',
                )
        if before.state is not PoolState.DEALLOCATED:
            raise errors.Conflict(
                f'The pool is {before.state}: deallocate it first.'
            )
        spec = from_plain(PoolSpec, {**to_plain(before.spec), **changes})
        _check(parts, session, who, spec)
        return db.minion_pools.update(
            session, msgspec.structs.replace(before, spec=spec)
        )

    return parts.database.write(write)


def delete(parts: Parts, who: Asker, id: str) -> None:
    """``Conflict`` while it has anything in the cloud."""

    def write(session: Session) -> None:
        db.minion_pools.get(session, id, who.project_id)
        db.minion_pools.delete(session, id)

    parts.database.write(write)


def _check(parts: Parts, session: Session, who: Asker, spec: PoolSpec) -> None:
    try:
        endpoint = db.endpoints.get(session, spec.endpoint_id, who.project_id)
    except errors.NotFound as error:
        raise errors.InvalidInput(
            error.message, field='$.endpoint_id'
        ) from None
    if spec.maximum_minions < spec.minimum_minions:
        raise errors.InvalidInput(
            'maximum_minions is less than minimum_minions.',
            field='$.maximum_minions',
        )
    if spec.platform is PoolPlatform.SOURCE and spec.os_type != 'linux':
        raise errors.InvalidInput(
            'The machines of a pool for sources run Linux.', field='$.os_type'
        )
    if spec.platform is PoolPlatform.SOURCE:
        raise errors.InvalidInput(
            'There are no minion pools for sources: no platform uses worker '
            'VMs at a source, so the machines would never be used.',
            field='$.platform',
        )
    provider = schemas.find_provider(
        parts, session, endpoint.type, '$.endpoint_id'
    )
    if 'pools' not in provider.capabilities:
        raise errors.InvalidInput(
            f'The type {provider.name!r} has no minion pools.',
            field='$.endpoint_id',
        )
    schema = provider.schemas.get(f'{spec.platform}_pool')
    if schema is None:
        raise errors.InvalidInput(
            f'The type {provider.name!r} has no minion pools for '
            f'{spec.platform}s.',
            field='$.platform',
        )
    registry.check(schema, spec.environment_options, 'environment_options')


def allocate(parts: Parts, who: Asker, id: str) -> MinionPool:
    """Makes the machines that it has at least; ``Conflict`` unless it is
    deallocated, or went wrong."""
    before = (PoolState.DEALLOCATED, PoolState.ERROR)

    def choose(session: Session, pool: MinionPool) -> Upkeep:
        return needed(pool, idle=())

    return _begin(
        parts,
        who,
        id,
        before,
        PoolState.ALLOCATING,
        ExecutionKind.POOL_ALLOCATE,
        choose,
    )


def refresh(parts: Parts, who: Asker, id: str) -> MinionPool:
    """Checks its machines; ``Conflict`` unless it is allocated."""
    return _refresh(parts, who, id, check=True)


def deallocate(
    parts: Parts, who: Asker, id: str, *, force: bool
) -> MinionPool:
    """Removes its machines; ``Conflict`` while one is in use, but with
    ``force``: then what uses it fails."""
    before = (PoolState.ALLOCATED, PoolState.ERROR)

    def choose(session: Session, pool: MinionPool) -> Upkeep:
        used = [m for m in pool.machines if m.state is MachineState.IN_USE]
        if used and not force:
            raise errors.Conflict(
                f'{len(used)} machines of the pool are in use: wait for '
                'them, or deallocate with force.'
            )
        return Upkeep(drop=tuple(m.id for m in pool.machines))

    return _begin(
        parts,
        who,
        id,
        before,
        PoolState.DEALLOCATING,
        ExecutionKind.POOL_DEALLOCATE,
        choose,
    )


def look_after(parts: Parts) -> None:
    """Makes up for machines that are broken or missing, and retires what
    nobody uses; called periodically."""
    for id in parts.database.read(
        lambda s: db.minion_pools.free_in(s, PoolState.ALLOCATED)
    ):
        try:
            pool, wanted = parts.database.read(
                lambda s, id=id: _wanted(s, id, check=False)
            )
            if wanted:
                who = Asker(project_id=pool.project_id)
                _refresh(parts, who, id, check=False)
        except errors.CoriolisError as error:
            # The other pools must go on.
            LOG.info('pool=%s is left for later: %s', id, error.message)


def _wanted(
    session: Session, id: str, *, check: bool
) -> tuple[MinionPool, Upkeep]:
    pool = db.minion_pools.get(session, id)
    seconds = pool.spec.minion_max_idle_time
    idle = db.minion_pools.idle_since(session, id, seconds)
    patient = db.minion_pools.touched_within(session, id, HEAL_SECONDS)
    return pool, needed(
        pool,
        idle=[machine.id for machine in idle],
        patient=() if check else patient,
        check=check,
    )


def _refresh(parts: Parts, who: Asker, id: str, *, check: bool) -> MinionPool:
    def choose(session: Session, pool: MinionPool) -> Upkeep:
        return _wanted(session, id, check=check)[1]

    return _begin(
        parts,
        who,
        id,
        (PoolState.ALLOCATED,),
        PoolState.MAINTENANCE,
        ExecutionKind.POOL_REFRESH,
        choose,
    )


def _begin(
    parts: Parts,
    who: Asker,
    id: str,
    before: Sequence[PoolState],
    during: PoolState,
    kind: ExecutionKind,
    choose: Callable[[Session, MinionPool], Upkeep],
) -> MinionPool:
    """Claims the pool and the machines that change, in the transaction
    that creates the execution."""
    execution_id = new_id()

    def write(session: Session) -> None:
        db.minion_pools.hold(session, id)
        pool = db.minion_pools.get(session, id, who.project_id)
        wanted = choose(session, pool)
        if not db.minion_pools.switch(
            session, id, before, during, held_by=None, hold=execution_id
        ):
            raise errors.Conflict(_why_not(pool, before))
        made = _mark(session, pool, wanted, execution_id)
        db.minion_pools.tell(session, id, f'The pool is {during}.')
        plans.create_execution(
            parts,
            session,
            parts.recipes.pool(
                [*made, *wanted.heal], wanted.stop, wanted.drop
            ),
            id=execution_id,
            kind=kind,
            owner_id=id,
            project_id=pool.project_id,
        )

    parts.database.write(write)
    advance(parts, execution_id)
    return parts.database.read(lambda s: db.minion_pools.get(s, id))


def _why_not(pool: MinionPool, before: Sequence[PoolState]) -> str:
    if pool.busy_with is not None:
        return (
            f'The pool is busy ({pool.state}) with the execution '
            f'{pool.busy_with}: wait for it.'
        )
    return f'The pool is {pool.state}, it must be {" or ".join(before)}.'


def _mark(
    session: Session, pool: MinionPool, wanted: Upkeep, execution_id: str
) -> list[str]:
    """Nobody else gets the machines that change; the ids of new ones."""
    states = {id: MachineState.ALLOCATING for id in wanted.heal}
    states |= {id: MachineState.ALLOCATING for id in wanted.stop}
    states |= {id: MachineState.DEALLOCATING for id in wanted.drop}
    for machine in pool.machines:
        if machine.id in states:
            db.minion_pools.save_machine(
                session,
                msgspec.structs.replace(
                    machine,
                    state=states[machine.id],
                    claimed_by=execution_id,
                    instance='',
                    action_id=None,
                ),
            )
    made = [new_id() for _ in range(wanted.make)]
    for id in made:
        db.minion_pools.add_machine(
            session,
            PoolMachine(
                id=id,
                pool_id=pool.id,
                state=MachineState.ALLOCATING,
                claimed_by=execution_id,
            ),
        )
    return made
