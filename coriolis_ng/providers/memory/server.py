# SPDX-License-Identifier: Apache-2.0
"""The memory cloud as a process: HTTP on loopback, JSON calls, raw data.

``python -m coriolis_ng.providers.memory.server --log FILE`` prints one line
of JSON with its port when it is ready. Calls are ``POST /call/NAME`` with a
JSON object; data moves by ``GET`` and ``PUT /data/KIND/ID?offset=&length=``.
The password comes on standard input (one line).
"""

from __future__ import annotations

import argparse
import http.server
import json
import pathlib
import sys
import time
import urllib.parse
from typing import Any

from coriolis_ng import errors
from coriolis_ng.providers.memory import (
    attachments,  # noqa: F401 - importing it offers its calls
    calls,
    tricks,  # noqa: F401 - importing it offers its calls
)
from coriolis_ng.providers.memory.store import Log, Store
from coriolis_ng.transport.digest import digest

STATUS = {
    'not_found': 404,
    'conflict': 409,
    'auth_failed': 401,
    'invalid_input': 400,
    'quota_exceeded': 413,
    'stale': 412,
    'unreachable': 503,
}


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection to the cloud; ``store`` and ``password`` are set on the
    class before it serves."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    store: Store
    password: str

    def do_POST(self) -> None:
        """``/call/NAME`` with a JSON object."""
        name = self.path.removeprefix('/call/')
        given = json.loads(self._body() or b'{}')
        self._guard(name, lambda: calls.call(self.store, name, given))

    def do_GET(self) -> None:
        """``/data/KIND/DISK?offset=&length=``; KIND is volume,
        volume_snapshot, or snapshot with ``&disk=``."""
        kind, id, query = self._target()

        def work() -> bytes:
            with self.store.lock:
                blocks = calls.blocks_of(self.store, kind, id, query)
                return blocks.read(int(query['offset']), int(query['length']))

        self._guard('read', work)

    def do_PUT(self) -> None:
        """``/data/volume/ID?offset=&machine=&attempt=&digest=`` with the
        bytes."""
        _, id, query = self._target()
        payload = self._body()

        def work() -> dict[str, Any]:
            told = query.get('digest')
            if told and digest(payload).hex() != told:
                raise errors.CorruptData('The digest does not match.')
            calls.write(
                self.store,
                id,
                int(query['offset']),
                payload,
                query.get('machine', ''),
                int(query['attempt']),
            )
            return {}

        self._guard('write', work)

    def _target(self) -> tuple[str, str, dict[str, str]]:
        url = urllib.parse.urlsplit(self.path)
        _, _, kind, id = url.path.split('/', 3)
        query = dict(urllib.parse.parse_qsl(url.query))
        return kind, urllib.parse.unquote(id), query

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get('Content-Length', 0)))

    def _guard(self, name: str, work: Any) -> None:
        try:
            if self.headers.get('X-Password') != self.password:
                raise errors.AuthFailed('The password is wrong.')
            calls.meddle(self.store, name)
            if delay := self.store.delays.get(name):
                time.sleep(delay)
            found = work()
        except errors.CoriolisError as error:
            status = STATUS.get(error.code, 500)
            body = {'code': error.code, 'message': error.message}
            self._answer(status, json.dumps(body).encode())
            return
        if not isinstance(found, bytes):
            found = json.dumps(found).encode()
        self._answer(200, found)

    def _answer(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            # Whoever asked was killed meanwhile; what it asked for is done.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the store's own log is what tests read."""


def main() -> None:
    """The program: serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--log', type=pathlib.Path, required=True)
    parser.add_argument('--address', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--capacity', type=int, default=1 << 40)
    args = parser.parse_args()
    Handler.password = sys.stdin.readline().strip()
    Handler.store = Store(Log(args.log), args.capacity)
    address = (args.address, args.port)
    server = http.server.ThreadingHTTPServer(address, Handler)
    print(json.dumps({'port': server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
