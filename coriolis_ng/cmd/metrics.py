# SPDX-License-Identifier: Apache-2.0
"""The page that Prometheus reads, on a small server of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

import prometheus_client
from oslo_config import cfg
from prometheus_client import multiprocess
from prometheus_client.registry import Collector, CollectorRegistry

from coriolis_ng.cmd.server import HttpServer

LOG = logging.getLogger(__name__)

# Of prometheus_client: where processes of one WSGI server meet.
FOLDER = 'PROMETHEUS_MULTIPROC_DIR'


class Page:
    """``/metrics`` on a port; ``start`` and ``stop`` as all services.
    ``collectors`` are asked at each visit."""

    def __init__(
        self, host: str, port: int, collectors: Iterable[Collector] = ()
    ) -> None:
        shared = FOLDER in os.environ
        registry = (
            CollectorRegistry() if shared else prometheus_client.REGISTRY
        )
        if shared:
            multiprocess.MultiProcessCollector(  # type: ignore[no-untyped-call]
                registry
            )
        for one in collectors:
            registry.register(one)
        self._server = HttpServer(
            _only(prometheus_client.make_wsgi_app(registry)),
            host,
            port,
            threads=2,
            shared=shared,
        )
        self._host = host

    @property
    def port(self) -> int:
        return self._server.port

    def start(self) -> None:
        self._server.start()
        LOG.info('metrics on http://%s:%d/metrics', self._host, self.port)

    def stop(self) -> None:
        self._server.stop()


def pages(
    conf: cfg.ConfigOpts, port: int | None, *collectors: Collector
) -> list[Page]:
    """The page where one is wanted, that is where a port is set."""
    if port is None:
        return []
    return [Page(conf.metrics.bind_host, port, collectors)]


def _only(application: Any) -> Any:
    def answer(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ.get('PATH_INFO') != '/metrics':
            start_response('404 Not Found', [('Content-Type', 'text/plain')])
            return [b'See /metrics\n']
        found: Iterable[bytes] = application(environ, start_response)
        return found

    return answer
