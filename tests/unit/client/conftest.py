# SPDX-License-Identifier: Apache-2.0
"""A service that answers what a test says, and a client of it."""

from __future__ import annotations

import http.server
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import session as sessions

from coriolis_ng.client import Client, LocalToken

PROJECT = 'p1'


class Cut(bytes):
    """An answer whose connection breaks before its end."""


class Scripted:
    """Answers by verb and path (with the query); ``asked`` has all that
    came as (verb, path, body, headers). A list of answers is used up, the
    last one stays."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self._answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                script.answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), Handler
        )
        self.root = f'http://127.0.0.1:{self._server.server_port}'
        self.url = f'{self.root}/v1/{PROJECT}'
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,)
        ).start()

    def says(
        self, verb: str, path: str, *answers: Any, status: int = 200
    ) -> None:
        """``answers``: JSON with ``status``, or (status, JSON)."""
        self._answers[verb, path] = [
            one if isinstance(one, tuple) else (status, one) for one in answers
        ]

    def answer(self, request: Any) -> None:
        length = int(request.headers.get('Content-Length') or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        path = request.path.removeprefix(f'/v1/{PROJECT}')
        verb = request.command
        self.asked.append((verb, path, body, dict(request.headers)))
        fault = {'error': {'message': f'not scripted: {verb} {path}'}}
        left = self._answers.get((verb, path), [(404, fault)])
        status, said = left.pop(0) if len(left) > 1 else left[0]
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        request.send_response(status)
        request.send_header('Content-Type', 'application/json')
        request.send_header('x-openstack-request-id', 'req-1')
        more = 10 if isinstance(data, Cut) else 0
        request.send_header('Content-Length', str(len(data) + more))
        request.end_headers()
        request.wfile.write(data)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.close()


@pytest.fixture
def token_file(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / 'token'
    file.write_text('secret-token\n')
    return file


@pytest.fixture
def client(service: Scripted, token_file: pathlib.Path) -> Client:
    plugin = LocalToken(service.url, token_file=token_file)
    return Client(sessions.Session(auth=plugin))


def task(kind: str = 'REPLICATE_DISKS', **more: Any) -> dict[str, Any]:
    """A task of an execution, as the API shows it."""
    return {
        'id': f'{more.get("instance", "web1")}-{kind}',
        'instance': 'web1',
        'task_type': kind,
        'status': 'RUNNING',
        'index': 1,
        'exception_details': None,
        'on_error': False,
        'progress': [],
        'progress_updates': [],
        **more,
    }


def run(status: str = 'RUNNING', *tasks: Any) -> dict[str, Any]:
    """An execution with tasks."""
    return {'id': 'e1', 'number': 3, 'status': status, 'tasks': [*tasks]}


def copying(item: str = 'disk0', **more: Any) -> dict[str, Any]:
    """A task's progress in bytes."""
    return {
        'item': item,
        'done': 1 << 30,
        'total': 4 << 30,
        'unit': 'bytes',
        'rate': 310e6,
        'eta_seconds': 9.4,
        **more,
    }


@pytest.fixture
def shell(
    service: Scripted,
    token_file: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    from tests.unit.client import shell

    return shell.made(service, token_file, capsys, monkeypatch)
