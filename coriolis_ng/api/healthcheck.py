# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck``, for load balancers: can this process answer?

oslo.middleware's, with the operator's ``[healthcheck]`` options and backends;
ours look at the database and at the bus.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from oslo_config import cfg
from oslo_db.exception import DBError
from oslo_middleware import healthcheck
from oslo_middleware.healthcheck import pluginbase
from sqlalchemy.exc import SQLAlchemyError
from stevedore import extension

from coriolis_ng.api.site import Site
from coriolis_ng.auth import WsgiApp
from coriolis_ng.db.errors import Away

LOG = logging.getLogger(__name__)

# Balancers ask often, and several of them.
KEEP_SECONDS = 3.0


class Healthcheck:
    """Answers its own path, for everybody; the rest goes further in."""

    def __init__(
        self,
        application: WsgiApp,
        site: Site,
        conf: cfg.ConfigOpts | None = None,
    ) -> None:
        self._application = application
        self._answers = _Answers(None, conf or _defaults())
        self._answers.add('database', Checked(lambda: _reads(site)))
        self._answers.add('messaging', Checked(lambda: _sends(site)))

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ.get('PATH_INFO') != '/healthcheck':
            return self._application(environ, start_response)
        return self._answers(environ, start_response)


class _Answers(healthcheck.Healthcheck):
    def add(self, name: str, backend: Checked) -> None:
        """Ours need what no entry point could give them."""
        plugin = _Plugin(self.oslo_conf, self.conf, name, backend)
        one: Any = extension.Extension(
            name,
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            plugin,
        )
        self._backends.extensions.append(one)


class _Plugin(pluginbase.HealthcheckBaseExtension):
    def __init__(
        self, oslo_conf: Any, conf: Any, name: str, checked: Checked
    ) -> None:
        super().__init__(oslo_conf, conf)
        self._name = name
        self._checked = checked

    def healthcheck(self, server_port: int) -> pluginbase.HealthcheckResult:
        """Says which part it is and no more: everybody may ask."""
        good = self._checked()
        return pluginbase.HealthcheckResult(
            available=good,
            reason='OK' if good else f'{self._name} is not reachable',
        )


class Checked:
    """The answer of the last seconds, asked for by one thread at a time."""

    def __init__(self, check: Callable[[], bool]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._until = 0.0
        self._good = False

    def __call__(self) -> bool:
        with self._lock:
            if time.monotonic() >= self._until:
                self._good = self._check()
                self._until = time.monotonic() + KEEP_SECONDS
            return self._good


def _reads(site: Site) -> bool:
    try:
        with site.database.reader() as session:
            site.database.now(session)
    except Away:
        return False  # it was said when it began
    except (DBError, SQLAlchemyError):
        LOG.exception('the database cannot be read')
        return False
    return True


def _sends(site: Site) -> bool:
    return site.conductor.reachable()


def _defaults() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    return conf
