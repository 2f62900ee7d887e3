# SPDX-License-Identifier: Apache-2.0
"""Barbican's answers as our contract, against a small server of ours."""

from __future__ import annotations

import base64
import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import session as keystone

from coriolis_ng import errors
from coriolis_ng.secrets.barbican import BarbicanStore


class _Barbican(http.server.ThreadingHTTPServer):
    """Keeps payloads by id; answers ``fails`` instead when it is set."""

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.kept: dict[str, bytes] = {}
        self.fails = 0

    @property
    def place(self) -> str:
        return f'http://127.0.0.1:{self.server_port}'


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Barbican

    def _answer(self, status: int, body: Any = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        plain = isinstance(body, bytes)
        self.send_response(status)
        self.send_header(
            'Content-Type',
            'application/octet-stream' if plain else 'application/json',
        )
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _missing(self) -> bool:
        """True when the answer has been given already."""
        parts = self.path.strip('/').split('/')
        if self.server.fails:
            self._answer(self.server.fails, {'title': 'failed'})
        elif len(parts) > 2 and parts[2] not in self.server.kept:
            self._answer(404, {'title': 'Not Found'})
        else:
            return False
        return True

    def do_GET(self) -> None:
        here = self.server.place
        parts = self.path.strip('/').split('/')
        if parts[0] != 'v1' or len(parts) < 3:
            links = [{'rel': 'self', 'href': f'{here}/v1/'}]
            version = {
                'id': 'v1',
                'status': 'CURRENT',
                'min_version': '1.0',
                'max_version': '1.1',
                'links': links,
            }
            self._answer(200, {'versions': [version]})
        elif self._missing():
            pass
        elif parts[-1] == 'payload':
            self._answer(200, self.server.kept[parts[2]])
        else:
            kind = {'default': 'application/octet-stream'}
            self._answer(
                200,
                {
                    'status': 'ACTIVE',
                    'content_types': kind,
                    'created': '2026-01-01T00:00:00',
                    'secret_ref': here + self.path,
                },
            )

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers['Content-Length']))
        if self._missing():
            return
        body = json.loads(data)
        assert body['payload_content_encoding'] == 'base64'
        id = str(uuid.uuid4())
        self.server.kept[id] = base64.b64decode(body['payload'])
        place = f'{self.server.place}/v1/secrets/{id}'
        self._answer(201, {'secret_ref': place})

    def do_DELETE(self) -> None:
        if not self._missing():
            del self.server.kept[self.path.split('/')[-1]]
            self._answer(204)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def barbican() -> Iterator[_Barbican]:
    server = _Barbican()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(barbican: _Barbican) -> BarbicanStore:
    return BarbicanStore(
        keystone.Session(), endpoint=barbican.place, project_id='p1'
    )


def test_what_goes_in_comes_out(
    store: BarbicanStore, barbican: _Barbican
) -> None:
    payload = bytes(range(256))
    ref = store.put(payload, project_id='p1')
    assert ref.startswith(f'{barbican.place}/v1/secrets/')
    assert [*barbican.kept.values()] == [payload]
    assert store.get(ref, project_id='p1') == payload
    store.drop(ref, project_id='p1')
    assert barbican.kept == {}
    store.drop(ref, project_id='p1')
    with pytest.raises(errors.NotFound):
        store.get(ref, project_id='p1')


@pytest.mark.parametrize(
    ('status', 'kind'),
    [
        (401, errors.AuthFailed),
        (403, errors.Forbidden),
        (503, errors.Unreachable),
    ],
)
def test_its_errors_become_ours(
    store: BarbicanStore,
    barbican: _Barbican,
    status: int,
    kind: type[errors.CoriolisError],
) -> None:
    ref = store.put(b'x', project_id='p1')
    barbican.fails = status
    with pytest.raises(kind):
        store.get(ref, project_id='p1')
    with pytest.raises(kind):
        store.put(b'x', project_id='p1')
    with pytest.raises(kind):
        store.drop(ref, project_id='p1')


def test_what_is_no_reference(store: BarbicanStore) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        store.get('the moon', project_id='p1')
    assert caught.value.field == 'secret_ref'


def test_nobody_answers() -> None:
    store = BarbicanStore(
        keystone.Session(), endpoint='http://127.0.0.1:9', project_id='p1'
    )
    with pytest.raises(errors.Unreachable):
        store.put(b'x', project_id='p1')
