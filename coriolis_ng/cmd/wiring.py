# SPDX-License-Identifier: Apache-2.0
"""Puts the parts of each process together from its configuration."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import oslo_messaging
from oslo_config import cfg

from coriolis_ng import errors, version
from coriolis_ng.api.app import make_app
from coriolis_ng.api.feed import Feed, FeedSettings
from coriolis_ng.api.site import Site
from coriolis_ng.auth import Auth, KeystoneAuth, LocalAuth, WsgiApp
from coriolis_ng.cmd import keystone
from coriolis_ng.conductor import plans
from coriolis_ng.conductor.limits import (
    KeystoneLimits,
    Limits,
    LocalLimits,
)
from coriolis_ng.conductor.metrics import RowMetrics
from coriolis_ng.conductor.parts import Parts, Settings
from coriolis_ng.conductor.service import ConductorService
from coriolis_ng.db.api.secrets import Rows
from coriolis_ng.db.session import Database
from coriolis_ng.objects import bandwidth, new_id
from coriolis_ng.objects.quota import QuotaResource
from coriolis_ng.policy import Enforcer
from coriolis_ng.providers import registry
from coriolis_ng.rpc import transport as bus
from coriolis_ng.rpc.conductor import ConductorClient
from coriolis_ng.rpc.worker import WorkerClient
from coriolis_ng.secrets import local, seal
from coriolis_ng.tasks import TASKS
from coriolis_ng.worker.options import Options
from coriolis_ng.worker.service import WorkerService

LOG = logging.getLogger(__name__)


def transport() -> oslo_messaging.Transport:
    """The bus of the global configuration."""
    return bus.connect()


def conductor_client(
    conf: cfg.ConfigOpts, bus_: oslo_messaging.Transport
) -> ConductorClient:
    """The workers' half."""
    return ConductorClient(
        bus_,
        timeout_seconds=conf.api.conductor_seconds,
        query_seconds=conf.conductor.query_seconds,
        lease_seconds=conf.conductor.lease_seconds,
    )


def conductor(
    conf: cfg.ConfigOpts,
    bus_: oslo_messaging.Transport,
    rows: Database,
) -> ConductorService:
    """A conductor on these rows."""
    group = conf.conductor
    keys = local.KeyFile(conf.secrets.key_file)
    parts = Parts(
        database=rows,
        workers=WorkerClient(bus_, query_seconds=group.query_seconds),
        secrets=local.LocalStore(keys, Rows(rows)),
        key=seal.Ring(keys),
        seal=seal.seal,
        tasks=TASKS,
        recipes=plans.standard_recipes(),
        settings=_settings(Settings, group),
        limits=_limits(conf),
        trusts=keystone.trusts(conf),
        in_barbican=conf.secrets.backend == 'barbican',
    )
    return ConductorService(
        bus_,
        parts,
        conf.host,
        incarnation=incarnation(),
        threads=group.threads,
        question_threads=group.question_threads,
        project_questions=group.project_questions,
    )


def row_metrics(conf: cfg.ConfigOpts, rows: Database) -> RowMetrics:
    """What the rows say, for Prometheus."""
    return RowMetrics(
        rows,
        lease_seconds=conf.conductor.lease_seconds,
        keep_seconds=conf.metrics.keep_seconds,
        per_transfer=conf.metrics.per_transfer,
    )


def application(
    conf: cfg.ConfigOpts,
    bus_: oslo_messaging.Transport,
    rows: Database,
    who: Auth,
) -> WsgiApp:
    """The REST API as a WSGI application."""
    client = ConductorClient(
        bus_,
        timeout_seconds=conf.api.conductor_seconds,
        query_seconds=conf.conductor.query_seconds,
        seal=seal.seal,
        tokens=isinstance(who, KeystoneAuth),
        questions=max(1, min(conf.api.questions, conf.api.threads - 2)),
        project_questions=conf.api.project_questions,
    )
    feed = Feed(rows, _settings(FeedSettings, conf.api))
    return make_app(Site(rows, client, Enforcer(conf), feed), who, conf)


def auth(conf: cfg.ConfigOpts) -> Auth:
    """Whoever says whose token it is, as ``[auth] driver`` wants it."""
    if conf.auth.driver == 'local':
        return LocalAuth(conf.auth.token_file)
    return KeystoneAuth(conf)


def _limits(conf: cfg.ConfigOpts) -> Limits:
    """Where limits come from, as ``[quota] driver`` wants it."""
    group = conf.quota
    if group.driver == 'keystone':
        # Only here: it brings options of its own.
        from coriolis_ng.cmd import limits

        return KeystoneLimits(limits.fetch)
    return LocalLimits({one: group[one.value] for one in QuotaResource})


class BandwidthOf:
    """What a worker's copies may take, as the configuration says it now;
    what was said before goes on where that makes no sense."""

    def __init__(self, group: Any) -> None:
        self._group = group
        self._wrong = ''
        self._said = self._read()
        self._limit = bandwidth.parse(*self._said)

    def __call__(self) -> bandwidth.Bandwidth:
        try:
            said = self._read()
            if said != self._said:
                self._said = said
                self._limit = bandwidth.parse(*said)
                LOG.info('the limit of bandwidth is now %s', self._limit)
            self._wrong = ''
        except (cfg.Error, errors.InvalidInput) as error:
            # Said once: it is asked twice a second.
            if self._wrong != str(error):
                self._wrong = str(error)
                LOG.error('[worker] bandwidth stays as it was: %s', error)
        return self._limit

    def _read(self) -> tuple[float, tuple[str, ...], str]:
        group = self._group
        return (
            group.bandwidth_limit,
            tuple(group.bandwidth_window),
            group.bandwidth_time_zone,
        )


class Worker:
    """A worker and its topic on the bus."""

    def __init__(
        self, conf: cfg.ConfigOpts, bus_: oslo_messaging.Transport
    ) -> None:
        group = conf.worker
        self._bus = bus_
        self._host = conf.host
        self._threads = group.query_slots + 4
        self._server: oslo_messaging.MessageHandlingServer | None = None
        self._service = WorkerService(
            conductor_client(conf, bus_),
            registry.load(
                tuple(group.providers) or None,
                {'kvm': {'directories': group.kvm_directories}},
            ),
            host=conf.host,
            incarnation=incarnation(),
            capacity=group.capacity,
            bandwidth=BandwidthOf(group),
            kinds={name: kind.version for name, kind in TASKS.items()},
            options=_settings(Options, group, release=version.release()),
        )

    def start(self) -> None:
        """The topic first: a task may come with the first beat."""
        self._server = bus.serve(
            self._bus,
            bus.WORKER,
            self._host,
            [self._service.endpoint],
            threads=self._threads,
        )
        self._service.start()

    def stop(self) -> None:
        """Tasks first: they have something to say."""
        self._service.stop()
        if self._server is not None:
            self._server.stop()
            self._server.wait()


def incarnation() -> str:
    """A name for one life of a process, in the order of their starts."""
    return f'{time.time_ns():020d}-{os.getpid()}-{new_id()[:8]}'


def _settings(kind: Any, group: Any, **more: Any) -> Any:
    """A value of settings from the options of the same names."""
    given = {
        name: getattr(group, name)
        for name in kind.__struct_fields__
        if name in group
    }
    return kind(**given, **more)
