# SPDX-License-Identifier: Apache-2.0
"""The small HTTP server of ``coriolis-api`` and ``coriolis-allinone``."""

from __future__ import annotations

import functools
import logging
import select
import socket
import threading
from typing import Any

from cheroot import wsgi

from coriolis_ng.api.site import GONE

LOG = logging.getLogger(__name__)


class _Gateway(wsgi.Gateway_10):
    """Tells the application what only the server can know."""

    def get_environ(self) -> Any:
        environ = super().get_environ()  # type: ignore[no-untyped-call]
        environ[GONE] = functools.partial(hung_up, self.req.conn.socket)
        return environ


def hung_up(connection: socket.socket) -> bool:
    """Whether nobody is at the other end any more, without waiting."""
    watch = select.poll()
    try:
        watch.register(connection, select.POLLIN)
        if not watch.poll(0):
            return False
        return not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


class HttpServer:
    """Serves a WSGI application; ``port`` 0 takes a free one."""

    def __init__(
        self, application: Any, host: str, port: int, threads: int
    ) -> None:
        self._server = wsgi.Server(
            (host, port),
            application,
            numthreads=threads,
            server_name='coriolis',
            request_queue_size=128,
        )
        self._server.gateway = _Gateway
        self._server.shutdown_timeout = 3
        self._server.error_log = _log  # type: ignore[method-assign]
        self._server.prepare()
        self._thread = threading.Thread(
            target=self._server.serve, name='http', daemon=True
        )

    @property
    def port(self) -> int:
        """The port that it listens on since it was made."""
        return int(self._server.bind_addr[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends after the requests that are under way."""
        self._server.stop()
        self._thread.join()


def _log(
    msg: str = '', level: int = logging.INFO, traceback: bool = False
) -> None:
    LOG.log(level, '%s', msg, exc_info=traceback)
