# SPDX-License-Identifier: Apache-2.0
"""What an execution is about: its transfer, its deployment, its endpoints,
and the subject that its tasks change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import api as db
from coriolis_ng.engine.task import Cleanup, Task
from coriolis_ng.objects.deployment import DeployedVm, Handover
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.execution import Execution, ExecutionKind
from coriolis_ng.objects.minion_pool import (
    MachineState,
    MinionPool,
    PoolMachine,
)
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.resource import Side
from coriolis_ng.objects.transfer import Transfer, TransferSpec
from coriolis_ng.rpc.wire import Access
from coriolis_ng.scheduler import Needs, slots

OF_DEPLOYMENTS = frozenset({ExecutionKind.DEPLOYMENT, ExecutionKind.TEARDOWN})
OF_POOLS = frozenset(
    {
        ExecutionKind.POOL_ALLOCATE,
        ExecutionKind.POOL_REFRESH,
        ExecutionKind.POOL_DEALLOCATE,
    }
)

# In a task of both sides a word belongs to one of them; the others must be
# offered by both.
_ONLY_SOURCE = frozenset({'exports'})
_ONLY_TARGET = frozenset({'imports'})


@dataclass(frozen=True, kw_only=True)
class Scope:
    """``endpoints`` are by side; ``deployment_id`` is None for what a
    transfer does itself."""

    execution: Execution
    transfer: Transfer
    endpoints: dict[Side, Endpoint] = field(default_factory=dict)

    @property
    def deployment_id(self) -> str | None:
        of_deployment = self.execution.kind in OF_DEPLOYMENTS
        return self.execution.owner_id if of_deployment else None

    def access(self, side: Side) -> Access:
        """A cloud as a worker sees it, with this transfer's options."""
        endpoint = self.endpoints[side]
        spec = self.transfer.spec
        return Access(
            endpoint_id=endpoint.id,
            provider=endpoint.type,
            secret=endpoint.secret,
            options=spec.source_environment
            if side is Side.SOURCE
            else spec.destination_environment,
        )

    def needs(
        self,
        kind: type[Task],
        *,
        slot: bool,
        name: str = '',
        version: int = 1,
        scopes: tuple[slots.Scope, ...] = (),
    ) -> Needs:
        """What a task of this class asks of a worker here, and of the
        ``scopes`` that it takes slots of; ``name`` and ``version`` are as
        its row has them."""
        wanted: dict[str, frozenset[str]] = {}
        for side in sides(kind):
            words = frozenset(kind.needs)
            if kind.side is Side.BOTH:
                other = _ONLY_TARGET if side is Side.SOURCE else _ONLY_SOURCE
                words -= other
            endpoint = self.endpoints[side]
            before = wanted.get(endpoint.type, frozenset())
            wanted[endpoint.type] = before | words
        ends = [self.endpoints[side] for side in sides(kind)]
        return Needs(
            providers=wanted,
            regions=regions(ends),
            slot=slot,
            kind=name,
            version=version,
            scopes=scopes,
        )


def regions(ends: Iterable[Endpoint]) -> tuple[frozenset[str], ...]:
    """Of each endpoint that is mapped to any, for ``Needs``."""
    found = (frozenset(endpoint.mapped_regions) for endpoint in ends)
    return tuple(of_one for of_one in found if of_one)


def sides(kind: type[Task]) -> tuple[Side, ...]:
    """The clouds that a task of this class has access to."""
    if kind.side is Side.BOTH:
        return Side.SOURCE, Side.TARGET
    return () if kind.side is Side.NONE else (kind.side,)


def load(session: Session, execution: Execution) -> Scope:
    """Reads what the execution is about; ``NotFound`` where it is gone."""
    if execution.kind in OF_POOLS:
        pool = db.minion_pools.get(session, execution.owner_id)
        return of_transfer(session, execution, as_transfer(pool))
    transfer_id = execution.owner_id
    if execution.kind in OF_DEPLOYMENTS:
        deployment = db.deployments.get(session, execution.owner_id)
        transfer_id = deployment.spec.transfer_id
    transfer = db.transfers.get(session, transfer_id)
    return of_transfer(session, execution, transfer)


def load_several(
    session: Session, executions: Sequence[Execution]
) -> dict[str, Scope]:
    """The same of several, by execution, in as many statements for all that
    transfers do themselves; what is gone is left out."""
    special = OF_POOLS | OF_DEPLOYMENTS
    plain = [one for one in executions if one.kind not in special]
    transfers = db.transfers.several(session, [one.owner_id for one in plain])
    ends = {
        id
        for one in transfers.values()
        for id in (
            one.spec.origin_endpoint_id,
            one.spec.destination_endpoint_id,
        )
    }
    known = db.endpoints.several(session, sorted(ends))
    found = {
        one.id: _with_ends(one, transfers[one.owner_id], known)
        for one in plain
        if one.owner_id in transfers
    }
    for one in executions:
        if one.kind in special:
            with contextlib.suppress(errors.NotFound):
                found[one.id] = load(session, one)
    return found


def as_transfer(pool: MinionPool) -> Transfer:
    """A pool is like a transfer whose ends are one cloud, and whose
    instances are its machines."""
    spec = pool.spec
    return Transfer(
        id=pool.id,
        project_id=pool.project_id,
        user_id=pool.user_id,
        spec=TransferSpec(
            origin_endpoint_id=spec.endpoint_id,
            destination_endpoint_id=spec.endpoint_id,
            instances=tuple(machine.id for machine in pool.machines),
            destination_environment=spec.environment_options,
        ),
    )


def machine(session: Session, scope: Scope, instance: str) -> PoolMachine:
    """The machine of a pool that a task works on: by its id in what a pool
    does itself, else the one that the execution has for this instance.
    ``Conflict`` where its pool was deallocated with force: the attempt is
    still the current one, and has to end."""
    if scope.execution.kind in OF_POOLS:
        found = db.minion_pools.machine_of(session, instance)
        return db.minion_pools.with_options(session, found)
    for one in db.minion_pools.claimed(session, scope.execution.id, instance):
        return db.minion_pools.with_options(session, one)
    raise errors.Conflict(
        f'The machine of the pool for {instance!r} is gone: the pool was '
        'deallocated.'
    )


def _machine(
    session: Session, scope: Scope, kind: type[Task] | None, instance: str
) -> PoolMachine:
    try:
        return machine(session, scope, instance)
    except errors.Conflict:
        if kind is None or not issubclass(kind, Cleanup):
            raise
        # Nothing of it is left to clean up; the row is never written.
        return PoolMachine(id='', pool_id='', state=MachineState.DEALLOCATING)


def of_transfer(
    session: Session, execution: Execution, transfer: Transfer
) -> Scope:
    """The scope of an execution whose transfer is known."""
    spec = transfer.spec
    ids = [spec.origin_endpoint_id, spec.destination_endpoint_id]
    found = db.endpoints.several(session, ids)
    return _with_ends(execution, transfer, found)


def _with_ends(
    execution: Execution, transfer: Transfer, known: Mapping[str, Endpoint]
) -> Scope:
    ids = {
        Side.SOURCE: transfer.spec.origin_endpoint_id,
        Side.TARGET: transfer.spec.destination_endpoint_id,
    }
    return Scope(
        execution=execution,
        transfer=transfer,
        endpoints={side: known[id] for side, id in ids.items()},
    )


def subject(
    session: Session, scope: Scope, kind: type[Task] | None, instance: str
) -> Any:
    """The row that tasks of this class change: a ``Replica``, a
    ``DeployedVm`` or None. Without a class: what the execution changes."""
    wanted = kind.subject if kind else None
    if kind is None:
        wanted = DeployedVm if scope.deployment_id else Replica
        if scope.execution.kind in OF_POOLS:
            wanted = PoolMachine
    if wanted is None:
        return None
    if wanted is PoolMachine:
        return _machine(session, scope, kind, instance)
    if wanted is Replica:
        return db.replicas.get(session, scope.transfer.id, instance)
    if wanted is DeployedVm and scope.deployment_id:
        return db.deployments.instance(session, scope.deployment_id, instance)
    if wanted is Handover and scope.deployment_id:
        return Handover(
            replica=db.replicas.get(session, scope.transfer.id, instance),
            vm=db.deployments.instance(session, scope.deployment_id, instance),
        )
    raise errors.PlanError(
        f'A {scope.execution.kind} has no {wanted.__name__} to change.'
    )


def save(session: Session, before: Any, after: Any) -> None:
    """Writes the subject; a ``Stale`` when somebody else was faster."""
    if after == before:
        return
    if isinstance(before, Handover):
        _hand_over(session, before, after)
    elif isinstance(before, Replica):
        db.replicas.save(session, before, after)
    elif isinstance(before, PoolMachine):
        if before.id:
            db.minion_pools.save_machine(session, after)
    else:
        db.deployments.save(session, before, after)


def _hand_over(session: Session, before: Handover, after: Handover) -> None:
    """With the volumes go their entries of the ledger: from here on they
    are the deployment's, and go with it."""
    save(session, before.replica, after.replica)
    save(session, before.vm, after.vm)
    replica = before.replica
    given = replica.owned() - after.replica.owned()
    db.ledger.hand_over(
        session,
        given,
        transfer_id=replica.transfer_id,
        instance=replica.instance,
        deployment_id=before.vm.deployment_id,
    )
