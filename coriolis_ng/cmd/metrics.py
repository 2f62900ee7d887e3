# SPDX-License-Identifier: Apache-2.0
"""The page that Prometheus reads, on a small server of its own."""

from __future__ import annotations

import logging
import os
import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref import simple_server

import prometheus_client
from oslo_config import cfg
from prometheus_client import multiprocess
from prometheus_client.registry import Collector, CollectorRegistry

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
        server = _Sharing if shared else _Server
        self._server = server((host, port), _Quiet)
        self._server.set_app(_only(prometheus_client.make_wsgi_app(registry)))
        self._host = host

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        threading.Thread(
            target=self._server.serve_forever, name='metrics', daemon=True
        ).start()
        LOG.info('metrics on http://%s:%d/metrics', self._host, self.port)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    """Its threads keep no process of a WSGI server from ending."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Without asking a name server for our own name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _Sharing(_Server):
    """Listens beside the other processes of a WSGI server."""

    allow_reuse_port = True


class _Quiet(simple_server.WSGIRequestHandler):
    timeout = 30

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """A visit each few seconds is no news."""


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
