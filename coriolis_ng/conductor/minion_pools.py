# SPDX-License-Identifier: Apache-2.0
"""Minion pools: made, changed, removed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import schemas
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db
from coriolis_ng.objects import from_plain, new_id, to_plain
from coriolis_ng.objects.minion_pool import (
    MinionPool,
    PoolPlatform,
    PoolSpec,
    PoolState,
)
from coriolis_ng.providers import registry

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
    parts: Parts, who: Asker, id: str, changes: dict[str, Any]
) -> MinionPool:
    """``changes`` are fields of ``PoolSpec``; ``Conflict`` while the pool
    has anything in the cloud."""

    def write(session: Session) -> MinionPool:
        before = db.minion_pools.get(session, id, who.project_id)
        for name in FIXED:
            if changes.get(name, '') not in {'', getattr(before.spec, name)}:
                raise errors.InvalidInput(
                    f'The {name} of a pool cannot be changed.',
                    field=f'$.{name}',
                )
        if before.state is not PoolState.DEALLOCATED:
            raise errors.InvalidInput(
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
    provider = schemas.find_provider(
        parts, session, endpoint.type, '$.endpoint_id'
    )
    if 'pools' not in provider.capabilities:
        raise errors.InvalidInput(
            f'The type {provider.name!r} has no minion pools.',
            field='$.endpoint_id',
        )
    schema = provider.schemas.get(f'{spec.platform}_pool', {})
    registry.check(schema, spec.environment_options, 'environment_options')


def allocate(parts: Parts, who: Asker, id: str) -> MinionPool:
    """Makes its machines; ``Conflict`` unless it has none."""
    return _unsupported(parts, who, id)


def refresh(parts: Parts, who: Asker, id: str) -> MinionPool:
    """Looks after its machines; ``Conflict`` unless it is allocated."""
    return _unsupported(parts, who, id)


def deallocate(
    parts: Parts, who: Asker, id: str, *, force: bool
) -> MinionPool:
    """Removes its machines; with ``force`` also those in use."""
    return _unsupported(parts, who, id)


def _unsupported(parts: Parts, who: Asker, id: str) -> MinionPool:
    parts.database.read(lambda s: db.minion_pools.get(s, id, who.project_id))
    raise errors.Unsupported('No provider has minion pools yet.')
