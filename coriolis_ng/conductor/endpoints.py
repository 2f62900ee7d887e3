# SPDX-License-Identifier: Apache-2.0
"""Endpoints: rows in the database, connection information in the store."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.conductor import connections, regions, schemas, scopes
from coriolis_ng.conductor.advance import advance
from coriolis_ng.conductor.asking import Asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.versions import check_version
from coriolis_ng.db import api as db
from coriolis_ng.objects import bandwidth, from_plain, new_id
from coriolis_ng.objects.bandwidth import Bandwidth
from coriolis_ng.objects.endpoint import Endpoint, EndpointSpec

CHANGEABLE = frozenset(
    {
        'name',
        'description',
        'connection_info',
        'mapped_regions',
        'slots',
        'bandwidth',
    }
)


def create(parts: Parts, who: Asker, spec: EndpointSpec) -> Endpoint:
    """``InvalidInput`` for a type that no worker offers, or connection
    information that its schema refuses."""
    if not spec.name.strip() or len(spec.name) > 255:
        raise errors.InvalidInput(
            'The name of an endpoint has 1 to 255 characters.', field='$.name'
        )
    _check_limits(spec.slots, spec.bandwidth)
    provider = parts.database.read(
        lambda s: schemas.find_provider(parts, s, spec.type, '$.type')
    )
    schemas.check_connection(provider, spec.connection_info)
    parts.database.read(lambda s: regions.check(s, spec.mapped_regions))
    ref = connections.keep(parts, who, provider, spec.connection_info)
    endpoint = Endpoint(
        id=new_id(),
        project_id=who.project_id,
        user_id=who.user_id,
        name=spec.name,
        type=spec.type,
        secret=ref,
        description=spec.description,
        mapped_regions=spec.mapped_regions,
        slots=spec.slots,
        bandwidth=spec.bandwidth,
    )
    try:
        return parts.database.write(lambda s: db.endpoints.create(s, endpoint))
    except errors.CoriolisError:
        connections.drop(parts, who.project_id, ref, who)
        raise


def update(
    parts: Parts,
    who: Asker,
    id: str,
    changes: dict[str, Any],
    version: int | None = None,
) -> Endpoint:
    """Changes what is named; a new secret replaces the old one.
    ``PreconditionFailed`` when it is not of that version any more."""
    for name in changes:
        if name not in CHANGEABLE:
            raise errors.InvalidInput(
                f'{name!r} of an endpoint cannot be changed.',
                field=f'$.{name}',
            )
    before = parts.database.read(
        lambda s: db.endpoints.get(s, id, who.project_id)
    )
    check_version(before, version)
    fields = {k: v for k, v in changes.items() if k != 'connection_info'}
    limit = fields.get('bandwidth')
    if limit is not None:
        fields['bandwidth'] = from_plain(Bandwidth, limit)
    _check_limits(fields.get('slots'), fields.get('bandwidth'))
    named = tuple(fields.get('mapped_regions') or ())
    parts.database.read(lambda s: regions.check(s, named))
    info = changes.get('connection_info')
    if info is not None:
        provider = parts.database.read(
            lambda s: schemas.find_provider(parts, s, before.type, '$.type')
        )
        schemas.check_connection(provider, info)
        fields['secret'] = connections.keep(parts, who, provider, info)
    if 'mapped_regions' in fields:
        fields['mapped_regions'] = tuple(fields['mapped_regions'])
    after = msgspec.structs.replace(before, **fields)
    try:
        made = parts.database.write(lambda s: _write(s, after))
    except errors.CoriolisError:
        if 'secret' in fields:
            connections.drop(parts, who.project_id, after.secret, who)
        raise
    if 'secret' in fields:
        connections.drop(parts, who.project_id, before.secret, who)
    if made.slots != before.slots:
        _let_go_on(parts, made)
    return made


def _check_limits(slots: int | None, limit: Bandwidth | None) -> None:
    if slots is not None and slots < 1:
        raise errors.InvalidInput(
            'At least one task runs on an endpoint at once.', field='$.slots'
        )
    if limit is not None:
        bandwidth.check(limit)


def _write(session: Session, after: Endpoint) -> Endpoint:
    """What waits and wants something of it is looked at anew."""
    db.turns.renew(session, after.id)
    return db.endpoints.update(session, after)


def _let_go_on(parts: Parts, endpoint: Endpoint) -> None:
    """What waits for a slot of it asks again: there may be more."""
    key = scopes.key_of(endpoint)
    waiting = parts.database.read(lambda s: db.turns.waiting_for(s, key))
    for execution_id in waiting:
        advance(parts, execution_id)


def delete(parts: Parts, who: Asker, id: str) -> None:
    """``Forbidden`` while transfers refer to it."""
    endpoint = parts.database.read(
        lambda s: db.endpoints.get(s, id, who.project_id)
    )
    users = parts.database.read(lambda s: db.endpoints.users_of(s, id))
    if users:
        raise errors.Forbidden(
            f'{len(users)} transfers would be orphaned: delete '
            f'{", ".join(users[:5])} first.'
        )
    pools = parts.database.read(lambda s: db.minion_pools.users_of(s, id))
    if pools:
        raise errors.Forbidden(
            f'{len(pools)} minion pools would be orphaned: delete '
            f'{", ".join(pools[:5])} first.'
        )
    parts.database.write(lambda s: db.endpoints.delete(s, id))
    connections.drop(parts, who.project_id, endpoint.secret, who)
