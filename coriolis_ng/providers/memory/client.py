# SPDX-License-Identifier: Apache-2.0
"""Speaks to the memory cloud; one TCP connection for each clone."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.parse
from typing import Any

from coriolis_ng import errors

KINDS = {
    'not_found': errors.NotFound,
    'conflict': errors.Conflict,
    'auth_failed': errors.AuthFailed,
    'quota_exceeded': errors.QuotaExceeded,
    'stale': errors.Stale,
    'unreachable': errors.Unreachable,
    'corrupt_data': errors.CorruptData,
    'unsupported': errors.Unsupported,
}


class Client:
    """A connection that is made when it is needed, and again when it was
    lost; every request of this cloud may be repeated."""

    def __init__(self, host: str, port: int, password: str) -> None:
        self._host, self._port, self._password = host, port, password
        self._connection: http.client.HTTPConnection | None = None

    def __repr__(self) -> str:
        return f'Client({self._host}:{self._port})'

    def clone(self) -> Client:
        """Another connection to the same cloud, for another thread."""
        return Client(self._host, self._port, self._password)

    def call(self, name: str, /, **given: Any) -> Any:
        """A call with keyword arguments; raises the cloud's errors."""
        body = json.dumps(given).encode()
        return json.loads(self._ask('POST', f'/call/{name}', body))

    def read(self, kind: str, id: str, **query: Any) -> bytes:
        """Bytes of a disk: ``offset``, ``length`` and maybe ``disk``."""
        return self._ask('GET', _path(kind, id, query), b'')

    def write(self, id: str, payload: memoryview, **query: Any) -> None:
        """Writes a volume at ``offset`` as ``attempt``."""
        self._ask('PUT', _path('volume', id, query), bytes(payload))

    def close(self) -> None:
        """Closes the connection; the next call makes another."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def _ask(self, verb: str, path: str, body: bytes) -> bytes:
        headers = {'X-Password': self._password}
        for last in (False, True):
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    self._host, self._port, timeout=60
                )
            try:
                self._connection.request(verb, path, body, headers)
                answer = self._connection.getresponse()
                found = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if last:
                    raise errors.Unreachable(
                        f'The memory cloud at {self._host}:{self._port} '
                        'does not answer.',
                        detail=str(error),
                    ) from None
        if answer.status != 200:
            _raise(found)
        return found


def _path(kind: str, id: str, query: dict[str, Any]) -> str:
    name = urllib.parse.quote(id, safe='')
    return f'/data/{kind}/{name}?{urllib.parse.urlencode(query)}'


def _raise(body: bytes) -> None:
    told = json.loads(body)
    if told['code'] == 'invalid_input':
        raise errors.InvalidInput(told['message'])
    kind = KINDS.get(told['code'], errors.CoriolisError)
    raise kind(told['message'])
