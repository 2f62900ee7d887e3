# SPDX-License-Identifier: Apache-2.0
"""What workers may do with the ledger and with secrets while they hold a
task. Secrets cross the bus sealed only."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import scope, scripts, trusts
from coriolis_ng.conductor.assign import current
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.scope import Scope
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.objects import Value, new_id, to_plain
from coriolis_ng.objects.minion_pool import PoolMachine
from coriolis_ng.objects.resource import (
    Resource,
    ResourceKind,
    Side,
    tag_of,
)
from coriolis_ng.secrets import references

# What an execution makes for a machine of a pool, and the pool keeps. Keys
# lie in the store as long as a machine has them, see ``endings``.
OF_MACHINES = (ResourceKind.VM, ResourceKind.FILE, ResourceKind.SECRET)


def created(
    parts: Parts, task_id: str, attempt: int, resource: Resource
) -> None:
    """Records a thing before it is made; committed when it returns."""
    parts.database.write(
        lambda s: _record(parts, s, *_held(s, task_id, attempt), resource)
    )


def dropped(
    parts: Parts, task_id: str, attempt: int, kind: ResourceKind, id: str
) -> None:
    """Takes a thing out of the ledger, whichever task recorded it."""
    parts.database.write(
        lambda s: _forget(parts, s, *_held(s, task_id, attempt), kind, id)
    )


def secret_get(parts: Parts, ref: str, task_id: str, attempt: int) -> str:
    """A secret that the task may read, sealed to its worker's key."""

    def look(session: Session) -> tuple[str, str, str]:
        row, here = _held(session, task_id, attempt)
        if not _may_read(parts, session, here, row, ref):
            raise errors.Forbidden('This task may not read that secret.')
        assert row.service_id is not None
        service = db.services.get(session, row.service_id)
        return (
            here.execution.project_id,
            here.transfer.id,
            service.seal_key,
        )

    project_id, transfer_id, seal_key = parts.database.read(look)
    if ref == references.GRANT:
        grant = trusts.of_transfer(parts, transfer_id)
        return parts.seal(seal_key, msgspec.json.encode(to_plain(grant)))
    return parts.seal(seal_key, parts.secrets.get(ref, project_id=project_id))


def secret_put(parts: Parts, task_id: str, attempt: int, sealed: str) -> str:
    """Keeps a secret until the execution ends, or the machine of a pool goes
    whose key it is; gives its reference. The ledger names it before it is
    stored: who dies in between leaves an entry for the audit, and never a
    secret that nobody knows of."""
    _, here = parts.database.read(lambda s: _held(s, task_id, attempt))
    payload = parts.key.open(sealed)
    project_id = here.execution.project_id
    planned = new_id()
    _record_secret(parts, here, task_id, attempt, planned)
    ref = parts.secrets.put(payload, project_id=project_id, ref=planned)
    if ref != planned:
        _record_secret(parts, here, task_id, attempt, ref)
    return ref


def _record_secret(
    parts: Parts, here: Scope, task_id: str, attempt: int, ref: str
) -> None:
    resource = Resource(
        kind=ResourceKind.SECRET,
        id=ref,
        tag=tag_of(here.execution.id, task_id),
        side=Side.NONE,
        attempt=attempt,
    )
    created(parts, task_id, attempt, resource)


def secret_drop(parts: Parts, ref: str, task_id: str, attempt: int) -> None:
    """Drops what a task of this execution stored, or the key of a machine of
    a pool that the task works on; may be repeated."""
    row, here = parts.database.read(lambda s: _held(s, task_id, attempt))
    own = parts.database.read(
        lambda s: _kept(s, here) | _pooled_keys(parts, s, here, row)
    )
    if ref not in own:
        return
    parts.secrets.drop(ref, project_id=here.execution.project_id)
    dropped(parts, row.id, attempt, ResourceKind.SECRET, ref)


def _held(
    session: Session, task_id: str, attempt: int
) -> tuple[TaskRow, Scope]:
    row = current(session, task_id, attempt)
    execution = db.executions.get(session, row.execution_id)
    return row, scope.load(session, execution)


def _record(
    parts: Parts,
    session: Session,
    row: TaskRow,
    here: Scope,
    resource: Resource,
) -> None:
    endpoint = here.endpoints.get(resource.side)
    owner = _owner(parts, session, row, here, resource.kind)
    db.ledger.created(
        session,
        row.id,
        row.attempt,
        resource,
        endpoint_id=endpoint.id if endpoint else None,
        transfer_id=owner.transfer_id,
        deployment_id=owner.deployment_id,
        instance=owner.instance,
    )


class _Owner(Value):
    transfer_id: str
    deployment_id: str | None = None
    instance: str | None = None  # None: the task's


def _owner(
    parts: Parts,
    session: Session,
    row: TaskRow,
    here: Scope,
    kind: ResourceKind,
) -> _Owner:
    """A machine of a pool that an execution makes anew is the pool's with
    all that hangs on it, and not to go with the execution."""
    if parts.tasks[row.name].subject is PoolMachine and kind in OF_MACHINES:
        one = scope.machine(session, here, row.instance)
        return _Owner(transfer_id=one.pool_id, instance=one.id)
    return _Owner(
        transfer_id=here.transfer.id, deployment_id=here.deployment_id
    )


def _forget(
    parts: Parts,
    session: Session,
    row: TaskRow,
    here: Scope,
    kind: ResourceKind,
    id: str,
) -> None:
    owner = _owner(parts, session, row, here, kind)
    db.ledger.dropped(
        session,
        kind,
        id,
        transfer_id=owner.transfer_id,
        deployment_id=owner.deployment_id,
    )


def _kept(session: Session, here: Scope) -> set[str]:
    entries = db.ledger.rows(
        session,
        execution_id=here.execution.id,
        kinds=[ResourceKind.SECRET],
    )
    return {entry.resource.id for entry in entries}


def _pooled_keys(
    parts: Parts, session: Session, here: Scope, row: TaskRow
) -> set[str]:
    """The key of the machine of a pool that a task reaches: the one that its
    execution has at that moment, for that instance."""
    if Side.TARGET not in scope.sides(parts.tasks[row.name]):
        return set()
    of_pool = here.execution.kind in scope.OF_POOLS
    return {
        machine.key
        for machine in db.minion_pools.claimed(session, here.execution.id)
        if machine.key
        and row.instance == (machine.id if of_pool else machine.instance)
    }


def _may_read(
    parts: Parts, session: Session, here: Scope, row: TaskRow, ref: str
) -> bool:
    """The clouds of its own sides, what its execution keeps, and the key of
    the pool's machine that it works in: a task for the destination never
    gets the source's password."""
    sides = scope.sides(parts.tasks[row.name])
    clouds = [references.parse(here.endpoints[side].secret) for side in sides]
    if ref == references.GRANT:
        return any(one.needs_grant for one in clouds)
    if any(one.is_local and ref == one.ref for one in clouds):
        return True
    if ref in _kept(session, here):
        return True
    if ref in _pooled_keys(parts, session, here, row):
        return True
    return Side.TARGET in sides and ref in _scripts(session, here)


def _scripts(session: Session, here: Scope) -> frozenset[str]:
    found = scripts.refs(here.transfer.spec.user_scripts)
    if here.deployment_id:
        deployment = db.deployments.get(session, here.deployment_id)
        found |= scripts.refs(deployment.spec.user_scripts)
    return found
