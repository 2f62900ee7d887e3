# SPDX-License-Identifier: Apache-2.0
"""Machines of pools that executions have: all of them claimed in the
transaction that creates the execution, and freed in the one that ends it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor.scope import OF_POOLS
from coriolis_ng.db import api as db
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.minion_pool import (
    MachineState,
    MinionPool,
    PoolMachine,
    PoolState,
    Power,
)
from coriolis_ng.objects.task import Level, TaskState
from coriolis_ng.tasks.pools import GiveBack, unclean

LOG = logging.getLogger(__name__)

# Free machines in the order in which they are of use: on, starting, off.
FIRST = (Power.ON, Power.UNKNOWN)
# Who has nothing to give back is skipped.
CLEARED = (TaskState.DONE, TaskState.SKIPPED)
USABLE = (PoolState.ALLOCATED, PoolState.MAINTENANCE)


class Busy(errors.Conflict):
    """Others have it, and will give it back: who may wait, waits. To users
    it is a ``Conflict`` like any other."""


def check(
    session: Session,
    pool_id: str,
    project_id: str,
    endpoint_id: str,
    field: str,
) -> None:
    """``InvalidInput`` for a pool that machines of this endpoint cannot
    come from."""
    try:
        pool = db.minion_pools.get(session, pool_id, project_id)
    except errors.NotFound as error:
        raise errors.InvalidInput(error.message, field=field) from None
    if pool.spec.endpoint_id != endpoint_id:
        raise errors.InvalidInput(
            'The pool is of another endpoint than the destination.',
            field=field,
        )
    if pool.spec.platform != 'destination':
        raise errors.InvalidInput(
            'The pool is for sources, not for destinations.', field=field
        )


def _usable(session: Session, pool_id: str) -> MinionPool:
    """The pool, held until the transaction ends; ``InvalidInput`` when it
    is gone, ``Busy`` or ``Conflict`` when it cannot lend now."""
    db.minion_pools.hold(session, pool_id)
    try:
        pool = db.minion_pools.get(session, pool_id)
    except errors.NotFound:
        raise errors.InvalidInput(
            f'The minion pool {pool_id} of the transfer was deleted: update '
            'the transfer.'
        ) from None
    if pool.state not in USABLE:
        soon = pool.state is PoolState.ALLOCATING
        raise (Busy if soon else errors.Conflict)(
            f'The minion pool {pool.spec.name!r} is {pool.state}: allocate '
            'it first.'
        )
    return pool


def claim(
    session: Session,
    pool_id: str,
    execution_id: str,
    instances: Sequence[str],
    action_id: str,
) -> None:
    """A machine for each instance, or ``Conflict`` and none at all.

    Free ones that are on come first; where there are too few and the pool
    may grow, the execution makes more. Machines are claimed of one pool
    after the other in the order of their ids, so two executions never wait
    for each other.
    """
    pool = _usable(session, pool_id)
    free = sorted(
        (m for m in pool.machines if m.state is MachineState.AVAILABLE),
        key=lambda m: FIRST.index(m.power) if m.power in FIRST else len(FIRST),
    )
    lacking = len(instances) - len(free)
    if len(pool.machines) + max(0, lacking) > pool.spec.maximum_minions:
        # More than it may ever have are never free.
        never = len(instances) > pool.spec.maximum_minions
        remedy = (
            'raise maximum_minions of the pool'
            if never
            else 'try again when others have ended'
        )
        raise (errors.Conflict if never else Busy)(
            f'The minion pool {pool.spec.name!r} has {len(free)} free '
            f'machines{_healed(pool)} and may have '
            f'{pool.spec.maximum_minions} at most; {len(instances)} are '
            f'wanted: {remedy}.'
        )
    for instance, machine in zip(instances, free, strict=False):
        if not db.minion_pools.take(
            session,
            machine.id,
            execution_id,
            instance=instance,
            action_id=action_id,
        ):
            raise Busy('A machine of the pool was taken: try again.')
    for instance in instances[len(free) :]:
        db.minion_pools.add_machine(
            session,
            PoolMachine(
                id=new_id(),
                pool_id=pool_id,
                state=MachineState.IN_USE,
                claimed_by=execution_id,
                instance=instance,
                action_id=action_id,
                last_used_at=db.now(session),
            ),
        )


def _healed(pool: MinionPool) -> str:
    """How many are counted that nobody can have for now."""
    broken = [m for m in pool.machines if m.state is MachineState.ERROR]
    return f' ({len(broken)} more are broken and healed soon)' * bool(broken)


def end(session: Session, execution: Execution, state: ExecutionState) -> None:
    """Frees what the ended execution had; of one that looked after a pool,
    the pool itself."""
    machines = db.minion_pools.claimed(session, execution.id)
    kept = _not_given_back(session, execution.id) if machines else frozenset()
    for machine in machines:
        used = machine.state is MachineState.IN_USE
        stays = used and machine.minion and machine.instance in kept
        _free(session, unclean(machine) if stays else machine)
    if execution.kind in OF_POOLS:
        _end_of_pool(session, execution, state)


def _not_given_back(session: Session, execution_id: str) -> frozenset[str]:
    """Instances whose machine may still have their volumes or programs: the
    one who gives back failed, or was lost too often."""
    return frozenset(
        row.instance
        for row in db.tasks.nodes(session, execution_id).values()
        if row.name == GiveBack.__name__ and row.state not in CLEARED
    )


def _free(session: Session, machine: PoolMachine) -> None:
    after = machine.state
    if machine.minion is None:
        if machine.state in {MachineState.DEALLOCATING, MachineState.IN_USE}:
            # It is gone, or its execution did not come to make it: nobody
            # is kept from making another one.
            db.minion_pools.drop_machine(session, machine.id)
            return
        after = MachineState.ERROR
    elif machine.state in {MachineState.IN_USE, MachineState.ALLOCATING}:
        after = MachineState.AVAILABLE
    elif machine.state is MachineState.DEALLOCATING:
        after = MachineState.ERROR
    if after is MachineState.ERROR:
        LOG.warning(
            'pool=%s machine=%s is broken', machine.pool_id, machine.id
        )
        db.minion_pools.tell(
            session,
            machine.pool_id,
            f'The machine {machine.id} is broken and will be made anew.',
            Level.WARNING,
        )
    in_use = machine.state is MachineState.IN_USE
    db.minion_pools.save_machine(
        session,
        msgspec.structs.replace(
            machine,
            state=after,
            claimed_by=None,
            instance='',
            action_id=None,
            last_used_at=db.now(session) if in_use else machine.last_used_at,
        ),
    )


def _end_of_pool(
    session: Session, execution: Execution, state: ExecutionState
) -> None:
    pool = db.minion_pools.get(session, execution.owner_id)
    after = _after(pool, execution.kind, state)
    won = db.minion_pools.switch(
        session,
        pool.id,
        [pool.state],
        after,
        held_by=execution.id,
        hold=None,
    )
    if won:
        level = Level.ERROR if after is PoolState.ERROR else Level.INFO
        db.minion_pools.tell(
            session,
            pool.id,
            f'The pool is {after} with {len(pool.machines)} machines.',
            level,
        )


def _after(
    pool: MinionPool, kind: ExecutionKind, state: ExecutionState
) -> PoolState:
    if kind is ExecutionKind.POOL_DEALLOCATE:
        return PoolState.ERROR if pool.machines else PoolState.DEALLOCATED
    if kind is ExecutionKind.POOL_REFRESH:
        # Broken machines are told of by themselves, and tried again.
        return PoolState.ALLOCATED
    done = state is ExecutionState.DONE
    return PoolState.ALLOCATED if done else PoolState.ERROR
