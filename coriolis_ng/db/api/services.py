# SPDX-License-Identifier: Apache-2.0
"""Rows of services: one per host and program, kept alive by beats."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from oslo_db import exception
from sqlalchemy.orm import Session

from coriolis_ng import errors
from coriolis_ng.db import models
from coriolis_ng.db.api import slots
from coriolis_ng.db.clock import later, utcnow
from coriolis_ng.db.page import Page, select_page
from coriolis_ng.db.row import remove, swap
from coriolis_ng.db.upsert import upsert
from coriolis_ng.objects import from_plain, new_id, to_plain
from coriolis_ng.objects.service import Facts, ProviderInfo, Service
from coriolis_ng.objects.task import TaskState

WORKER = 'coriolis-worker'
LEASE_SECONDS = 90
_ALLOWED = {
    'host': models.Service.host,
    'binary': models.Service.binary,
    'enabled': models.Service.enabled,
    'created_at': models.Service.created_at,
}
FORGET = datetime.timedelta(days=30)


class Beat(Protocol):
    """What a beat on the wire has; ``providers`` None: they, ``kinds`` and
    ``facts`` are as before."""

    @property
    def host(self) -> str: ...
    @property
    def incarnation(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def capacity(self) -> int: ...
    @property
    def seal_key(self) -> str: ...
    @property
    def kinds(self) -> dict[str, int]: ...
    @property
    def facts(self) -> Facts | None: ...
    @property
    def providers(self) -> tuple[ProviderInfo, ...] | None: ...


def beat(
    session: Session, beat: Beat, binary: str = WORKER, topic: str = ''
) -> Service:
    """Makes or refreshes the row of a process; call it with
    ``Database.write``, because two first beats may collide.

    A new incarnation without ``providers`` keeps the old ones. Raises
    ``Stale`` for a late beat of any incarnation before, which must not
    bring its process back to life.
    """
    values: dict[str, Any] = {
        'incarnation': beat.incarnation,
        'release': beat.release,
        'capacity': beat.capacity,
        'seal_key': beat.seal_key,
        'topic': topic or binary.replace('-', '_'),
        'alive_at': later(0),
    }
    if beat.providers is not None:
        values['providers'] = to_plain(beat.providers)
        values['kinds'] = dict(beat.kinds)
        values['facts'] = to_plain(beat.facts or Facts())
    table = models.Service
    found = session.execute(
        sa.select(table.id, table.incarnation, table.capacity).where(
            table.host == beat.host, table.binary == binary
        )
    ).one_or_none()
    if found is None:
        return _insert(session, beat.host, binary, values)
    fresh = found.incarnation != beat.incarnation
    if fresh and _has_been(session, found.id, beat.incarnation):
        raise errors.Stale('a newer process runs in its place')
    where = [table.id == found.id, table.incarnation == found.incarnation]
    if not swap(session, table, where, **values):
        raise exception.RetryRequest(
            errors.Stale('two processes beat for one host')
        )
    if fresh:
        _remember(session, found.id, beat.incarnation)
    if fresh or found.capacity != beat.capacity:
        slots.resize(session, found.id, beat.capacity)
    return get(session, found.id)


def present(
    session: Session,
    host: str,
    binary: str,
    *,
    topic: str,
    incarnation: str,
    release: str,
    facts: Facts,
) -> Service:
    """Makes or refreshes the row of a process that is given no tasks; call
    it with ``Database.write``. Nothing is leased to it, so that nothing
    has to be fenced: of two on one host the row shows who spoke last."""
    table = models.Service
    values: dict[str, Any] = {
        'incarnation': incarnation,
        'release': release,
        'capacity': 0,
        'seal_key': '',
        'topic': topic,
        'facts': to_plain(facts),
        'alive_at': later(0),
    }
    where = [table.host == host, table.binary == binary]
    if not swap(session, table, where, **values):
        return _insert(session, host, binary, values)
    return find(session, host, binary)


def _insert(
    session: Session, host: str, binary: str, values: dict[str, Any]
) -> Service:
    row = models.Service(
        id=new_id(),
        host=host,
        binary=binary,
        mapped_regions=[],
        **{'providers': [], **values},
    )
    session.add(row)
    try:
        session.flush()
    except exception.DBDuplicateEntry as error:
        raise exception.RetryRequest(error) from error
    _remember(session, row.id, values['incarnation'])
    slots.resize(session, row.id, values['capacity'])
    return get(session, row.id)


def _has_been(session: Session, service_id: str, incarnation: str) -> bool:
    found = session.get(models.Incarnation, (service_id, incarnation))
    return found is not None


def _remember(session: Session, service_id: str, incarnation: str) -> None:
    """A message that is a month late comes from nowhere: what is older is
    forgotten."""
    table = models.Incarnation
    remove(
        session,
        table,
        table.service_id == service_id,
        table.created_at < utcnow() - FORGET,
    )
    row = {
        'service_id': service_id,
        'incarnation': incarnation,
        'created_at': utcnow(),
    }
    upsert(session, table, [row], ['service_id', 'incarnation'], [])


def get(
    session: Session, id: str, lease_seconds: float = LEASE_SECONDS
) -> Service:
    """``NotFound``; ``alive`` and ``load`` as in :func:`list`."""
    for service in _values(session, lease_seconds, models.Service.id == id):
        return service
    raise errors.NotFound(f'there is no service {id!r}')


def find(
    session: Session,
    host: str,
    binary: str = WORKER,
    lease_seconds: float = LEASE_SECONDS,
) -> Service:
    """The service of a host; ``NotFound``."""
    where = [models.Service.host == host, models.Service.binary == binary]
    for service in _values(session, lease_seconds, *where):
        return service
    raise errors.NotFound(f'there is no {binary} on {host!r}')


def list(  # noqa: A001
    session: Session,
    binary: str | None = None,
    lease_seconds: float = LEASE_SECONDS,
) -> Sequence[Service]:
    """All services by host. ``alive``: a beat came within the lease, by
    the database's clock; ``load``: how many tasks are leased to it."""
    if binary is None:
        return _values(session, lease_seconds)
    return _read(session, _of_binary(lease_seconds, binary))


def page(session: Session, wanted: Page) -> Sequence[Service]:
    """A page of them, as :func:`list` has them."""
    table = models.Service
    ids = select_page(session, table, wanted, [], _ALLOWED, what=table.id)
    found = {
        one.id: one
        for one in _values(session, LEASE_SECONDS, table.id.in_(ids))
    }
    return [found[id] for id in ids]


def hold(session: Session, id: str) -> None:
    """Makes all who change the same one wait until this transaction
    ends."""
    session.execute(
        sa.select(models.Service.id)
        .where(models.Service.id == id)
        .with_for_update()
    )


def update(
    session: Session,
    id: str,
    enabled: bool | None = None,
    mapped_regions: Sequence[str] | None = None,
) -> Service:
    """Lets new tasks be given to a worker, or not; says which regions it
    serves. None stays as it is."""
    values: dict[str, Any] = {}
    if enabled is not None:
        values['enabled'] = enabled
    if mapped_regions is not None:
        values['mapped_regions'] = [*mapped_regions]
    if values:
        swap(session, models.Service, [models.Service.id == id], **values)
    return get(session, id)


def delete(session: Session, id: str) -> None:
    """Forgets a service that is gone; ``Conflict`` while it is alive."""
    if get(session, id).alive:
        raise errors.Conflict('the service is alive')
    session.execute(sa.delete(models.Service).where(models.Service.id == id))


def _values(
    session: Session, lease_seconds: float, *where: sa.ColumnElement[bool]
) -> Sequence[Service]:
    query = _all(lease_seconds)
    if where:
        query = query.where(*where)
    return _read(session, query)


def _read(session: Session, query: sa.Select[Any]) -> Sequence[Service]:
    return [
        _value(row, count, taken, bool(living))
        for row, count, taken, living in session.execute(query)
    ]


@functools.cache
def _all(lease_seconds: float) -> sa.Select[Any]:
    load = (
        sa.select(sa.func.count())
        .where(
            models.Task.service_id == models.Service.id,
            models.Task.state == TaskState.RUNNING,
        )
        .correlate(models.Service)
        .scalar_subquery()
    )
    alive = models.Service.alive_at >= later(-lease_seconds)
    used = sa.func.coalesce(models.Slots.used, 0)
    return (
        sa.select(models.Service, load, used, sa.case((alive, 1), else_=0))
        .outerjoin(models.Slots, models.Slots.service_id == models.Service.id)
        .order_by(models.Service.host, models.Service.binary)
        .execution_options(populate_existing=True)
    )


@functools.cache
def _of_binary(lease_seconds: float, binary: str) -> sa.Select[Any]:
    return _all(lease_seconds).where(models.Service.binary == binary)


def _value(row: models.Service, load: int, used: int, alive: bool) -> Service:
    return Service(
        id=row.id,
        host=row.host,
        binary=row.binary,
        topic=row.topic,
        enabled=row.enabled,
        alive=alive,
        incarnation=row.incarnation,
        release=row.release,
        mapped_regions=tuple(row.mapped_regions),
        providers=from_plain(tuple[ProviderInfo, ...], row.providers),
        kinds=row.kinds or {},
        facts=from_plain(Facts, row.facts or {}),
        seal_key=row.seal_key,
        load=load,
        used=used,
        capacity=row.capacity,
        alive_at=row.alive_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
