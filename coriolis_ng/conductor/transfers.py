# SPDX-License-Identifier: Apache-2.0
"""Transfers: what to keep in sync, and what is refused while it is."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import (
    connections,
    departures,
    deployments,
    executions,
    follow_up,
    plans,
    pool_claims,
    quotas,
    runs,
    schemas,
)
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.versions import check_version
from coriolis_ng.db import api as db
from coriolis_ng.engine.plan import Plan
from coriolis_ng.objects import bandwidth, from_plain, new_id, to_plain
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.quota import QuotaResource
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.transfer import Transfer, TransferSpec

# What may outlive a transfer: marks, and what machines live on.
_STAYING = frozenset(
    {
        ResourceKind.CHECKPOINT,
        ResourceKind.VOLUME,
        ResourceKind.VOLUME_SNAPSHOT,
    }
)
FIXED = (
    'origin_endpoint_id',
    'destination_endpoint_id',
    'instances',
    'scenario',
)
# What may change while something runs.
LIVE = frozenset({'bandwidth'})
MERGED = frozenset(
    {'source_environment', 'destination_environment', 'network_map'}
)


def create(parts: Parts, who: Asker, spec: TransferSpec) -> Transfer:
    """``InvalidInput`` names what is wrong; nothing is asked of clouds."""
    schemas.check_names(spec.instances, parts.settings.max_instances)
    _check_machines(spec, {'user_scripts', 'morphing_pools'})
    asked = parts.limits.ask(who.project_id)
    _check_ends(parts, who.project_id, spec)
    transfer = Transfer(
        id=new_id(),
        project_id=who.project_id,
        user_id=who.user_id,
        spec=spec,
    )

    def write(session: Session) -> Transfer:
        _check(parts, session, who.project_id, spec)
        quotas.claim(
            session,
            parts,
            asked,
            who.project_id,
            QuotaResource.INSTANCES,
            len(spec.instances),
        )
        return db.transfers.create(session, transfer)

    return parts.database.write(write)


def update(
    parts: Parts,
    who: Asker,
    id: str,
    changes: dict[str, Any],
    version: int | None = None,
) -> Execution:
    """Changes the transfer; gives the execution (of kind update, without
    tasks) that records when this was. ``Conflict`` while it is busy, but
    for its limit of bandwidth, which what runs goes by at once;
    ``PreconditionFailed`` when it is not of that version any more."""

    def write(session: Session) -> Execution:
        before = db.transfers.get(session, id, who.project_id)
        check_version(before, version)
        spec = _changed(before.spec, changes)
        _check_machines(spec, changes)
        _check(parts, session, who.project_id, spec)
        execution_id = new_id()
        alone = not changes.keys() <= LIVE
        if alone:
            runs.claim(session, before, execution_id)
        db.transfers.update(session, _with(before, spec))
        plans.create_execution(
            parts,
            session,
            Plan(),
            id=execution_id,
            kind=ExecutionKind.UPDATE,
            owner_id=id,
            project_id=before.project_id,
        )
        db.executions.end(session, execution_id, ExecutionState.DONE)
        if alone:
            db.transfers.release(session, id, execution_id)
        else:
            db.transfers.tell(session, id, before.last_execution_state)
        return db.executions.get(session, execution_id)

    return parts.database.write(write)


def delete(
    parts: Parts, who: Asker, id: str, *, with_disks: bool = False
) -> None:
    """``Conflict`` while it is busy, is needed by a deployment, or has
    something left in a cloud; ``with_disks`` removes that first (the row
    goes when it is gone)."""
    execution_id = new_id()

    def write(session: Session) -> tuple[str, ...] | None:
        transfer = db.transfers.get(session, id, who.project_id)
        runs.check_free(transfer)
        if not with_disks:
            _check_nothing_left(session, transfer)
        _check_no_deployment_needs(session, transfer)
        if not _nothing_left(session, transfer):
            _delete_disks(parts, session, transfer, execution_id, forget=True)
            return None
        return departures.forget(session, transfer)

    unused = parts.database.write(write)
    if unused is None:
        advance(parts, execution_id)
    else:
        departures.drop_secrets(parts, who.project_id, unused)


def delete_disks(parts: Parts, who: Asker, id: str) -> Execution:
    """Removes everything that the transfer keeps at both ends."""
    execution_id = new_id()

    def write(session: Session) -> None:
        transfer = db.transfers.get(session, id, who.project_id)
        runs.check_free(transfer)
        if not _left(session, transfer):
            raise errors.Conflict(
                'The transfer has no disks on the destination.'
            )
        _delete_disks(parts, session, transfer, execution_id)

    parts.database.write(write)
    advance(parts, execution_id)
    return executions.shown(parts, execution_id)


def _delete_disks(
    parts: Parts,
    session: Session,
    transfer: Transfer,
    execution_id: str,
    *,
    forget: bool = False,
) -> None:
    runs.claim(session, transfer, execution_id)
    _check_no_deployment_runs(session, transfer)
    plans.create_execution(
        parts,
        session,
        parts.recipes.disks(transfer, runs.replicas(session, transfer)),
        id=execution_id,
        kind=ExecutionKind.DISKS_DELETE,
        owner_id=transfer.id,
        project_id=transfer.project_id,
        spec=ExecutionSpec(forget=forget),
    )


def _check(
    parts: Parts, session: Session, project_id: str, spec: TransferSpec
) -> None:
    for side, id, environment in (
        ('source', spec.origin_endpoint_id, spec.source_environment),
        (
            'destination',
            spec.destination_endpoint_id,
            spec.destination_environment,
        ),
    ):
        word = 'origin' if side == 'source' else 'destination'
        field = f'$.{word}_endpoint_id'
        endpoint = _endpoint(session, id, project_id, field)
        provider = schemas.find_provider(parts, session, endpoint.type, field)
        schemas.check_environment(provider, side, environment)
    _check_pools(session, project_id, spec)
    if spec.bandwidth is not None:
        bandwidth.check(spec.bandwidth)
    if spec.keep_points < 1:
        raise errors.InvalidInput(
            'At least one recovery point is kept.', field='$.keep_points'
        )


def _check_machines(spec: TransferSpec, said: Container[str]) -> None:
    """What is said of single machines is of those that it has."""
    if 'user_scripts' in said:
        schemas.check_scripts(spec.user_scripts, spec.instances)
    if 'morphing_pools' in said:
        field = f'$.{follow_up.MAPPINGS}'
        schemas.check_known(spec.morphing_pools, spec.instances, field)


def _check_ends(parts: Parts, project_id: str, spec: TransferSpec) -> None:
    """They must differ: a machine would be copied beside itself, and what
    is cleaned up at one end could be what the other still needs."""
    field = '$.destination_endpoint_id'
    if spec.origin_endpoint_id == spec.destination_endpoint_id:
        raise errors.InvalidInput(
            'Origin and destination are the same endpoint.', field=field
        )

    def ends(session: Session) -> tuple[Endpoint, Endpoint]:
        id = spec.origin_endpoint_id
        return (
            _endpoint(session, id, project_id, '$.origin_endpoint_id'),
            _endpoint(
                session, spec.destination_endpoint_id, project_id, field
            ),
        )

    # Secrets are read in sessions of their own.
    if connections.are_same(parts, *parts.database.read(ends)):
        raise errors.InvalidInput(
            'Origin and destination have the same connection information.',
            field=field,
        )


def _check_pools(
    session: Session, project_id: str, spec: TransferSpec
) -> None:
    pools = {
        f'instance_osmorphing_minion_pool_mappings.{name}': pool_id
        for name, pool_id in spec.morphing_pools.items()
    }
    if spec.destination_minion_pool_id is not None:
        field = 'destination_minion_pool_id'
        pools[field] = spec.destination_minion_pool_id
    for field, pool_id in pools.items():
        pool_claims.check(
            session,
            pool_id,
            project_id,
            spec.destination_endpoint_id,
            f'$.{field}',
        )


def _endpoint(
    session: Session, id: str, project_id: str, field: str
) -> Endpoint:
    try:
        return db.endpoints.get(session, id, project_id)
    except errors.NotFound as error:
        raise errors.InvalidInput(error.message, field=field) from None


def _changed(spec: TransferSpec, changes: dict[str, Any]) -> TransferSpec:
    plain = to_plain(spec)
    for name, value in changes.items():
        if name not in plain:
            raise errors.InvalidInput(
                f'A transfer has no {name!r}.', field=f'$.{name}'
            )
        if name in MERGED and isinstance(value, dict):
            plain[name] = {**plain[name], **value}
        else:
            plain[name] = value
    after = from_plain(TransferSpec, plain)
    for name in FIXED:
        if getattr(after, name) != getattr(spec, name):
            raise errors.InvalidInput(
                f'{name!r} of a transfer cannot be changed.',
                field=f'$.{name}',
            )
    return after


def _with(transfer: Transfer, spec: TransferSpec) -> Transfer:
    return msgspec.structs.replace(transfer, spec=spec)


def _left(session: Session, transfer: Transfer) -> list[str]:
    """What of ours is still in a cloud, as words for users."""
    left = [
        f'{id} of {replica.instance!r}'
        for replica in db.replicas.list(session, transfer.id)
        for id in sorted(replica.owned())
    ]
    recorded = db.ledger.rows(session, transfer_id=transfer.id)
    return left + [
        f'{entry.resource.id} of {entry.instance!r}'
        for entry in recorded
        if entry.deployment_id is None
        and entry.resource.kind is not ResourceKind.SECRET
    ]


def _nothing_left(session: Session, transfer: Transfer) -> bool:
    return not _left(session, transfer) or _only_kept(session, transfer)


def _check_nothing_left(session: Session, transfer: Transfer) -> None:
    left = _left(session, transfer)
    if not _nothing_left(session, transfer):
        raise errors.Conflict(
            f'The transfer still has {len(set(left))} things in the clouds, '
            f'{left[0]} for one: delete its disks first (or delete it with '
            'its disks).'
        )


def _only_kept(session: Session, transfer: Transfer) -> bool:
    """Whether its disks were deleted, but for marks on a source that could
    not be asked and for what machines live on: neither a source that is
    gone nor a machine must keep the transfer for ever. The ledger goes on
    to name both."""
    page = db.Page(limit=1, sort=(('number', 'desc'),))
    last = [one.kind for one in db.executions.list(session, transfer.id, page)]
    if last != [ExecutionKind.DISKS_DELETE]:
        return False
    entries = db.ledger.rows(session, transfer_id=transfer.id)
    if any(
        e.resource.kind not in _STAYING
        for e in entries
        if e.deployment_id is None  # a machine's own belongs to its owner
    ):
        return False
    return not any(
        replica.volumes.items or replica.points
        for replica in db.replicas.list(session, transfer.id)
    )


def _check_no_deployment_runs(session: Session, transfer: Transfer) -> None:
    page = db.Page(
        limit=1,
        filters={
            'transfer_id': transfer.id,
            'last_execution_state': ExecutionState.RUNNING,
        },
    )
    for deployment in db.deployments.list(session, transfer.project_id, page):
        raise errors.Conflict(
            f'The deployment {deployment.id} of the transfer is running.'
        )


def _check_no_deployment_needs(session: Session, transfer: Transfer) -> None:
    _check_no_deployment_runs(session, transfer)
    page = db.Page(filters={'transfer_id': transfer.id})
    for deployment in db.deployments.list(session, transfer.project_id, page):
        if deployments.must_be_torn_down(session, deployment):
            raise errors.Conflict(
                f'The test deployment {deployment.id} was made from the '
                'transfer: delete it first.'
            )
