# SPDX-License-Identifier: Apache-2.0
"""What a task takes slots of beside its worker: endpoints, hosts, storage."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from coriolis_ng.conductor.parts import Parts, Settings
from coriolis_ng.conductor.scope import Scope, sides
from coriolis_ng.db import api as db
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.engine.plan import resolve
from coriolis_ng.engine.task import Task
from coriolis_ng.objects.endpoint import Endpoint
from coriolis_ng.scheduler import slots


def of_endpoint(settings: Settings, endpoint: Endpoint) -> slots.Scope | None:
    """None where nothing limits what runs on it."""
    limit = endpoint.slots or settings.endpoint_slots
    if not limit:
        return None
    return slots.Scope(
        key=key_of(endpoint),
        name=f'endpoint "{endpoint.name}"',
        limit=limit,
    )


def key_of(endpoint: Endpoint) -> str:
    """The key of an endpoint's counter."""
    return slots.key_of('endpoint', endpoint.id)


def of_task(
    parts: Parts, session: Session, here: Scope, kind: type[Task], row: TaskRow
) -> tuple[slots.Scope, ...]:
    """All that have limits, in the order of their keys. Cleanups wait for
    nothing. Costs statements only for tasks that say what they load."""
    if row.cleanup:
        return ()
    found = {}
    for side in sides(kind):
        scope = of_endpoint(parts.settings, here.endpoints[side])
        if scope is not None:
            found[scope.key] = scope
    found |= {s.key: s for s in _loaded(parts, session, here, kind, row)}
    return tuple(found[key] for key in sorted(found))


def own(kind: type[Task]) -> bool:
    """Whether what tasks of this class load depends on their input."""
    return kind.loads is not Task.loads


def _loaded(
    parts: Parts, session: Session, here: Scope, kind: type[Task], row: TaskRow
) -> Iterator[slots.Scope]:
    limits = {
        'host': parts.settings.host_slots,
        'storage': parts.settings.storage_slots,
    }
    if not own(kind) or not any(limits.values()):
        return
    inputs = db.tasks.inputs(session, row.id)
    before = {given['ref'][0] for given in inputs.values() if 'ref' in given}
    outputs = db.tasks.outputs(session, sorted(before))
    for load in kind().loads(resolve(kind, inputs, outputs)):
        endpoint = here.endpoints[load.side]
        if limits[load.what]:
            yield slots.Scope(
                key=slots.key_of(load.what, endpoint.id, load.name),
                name=f'{load.what} "{load.name}" of endpoint '
                f'"{endpoint.name}"',
                limit=limits[load.what],
            )
