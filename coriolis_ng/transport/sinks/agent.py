# SPDX-License-Identifier: Apache-2.0
"""Writes to a disk of a worker VM, through the agent that runs there.

HTTPS with mutual TLS, one connection for each clone.  Every request may be
repeated, so a lost connection is made anew a bounded number of times; an
agent that was restarted meanwhile is an error, for its machine may have
forgotten what was not flushed.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import time
import urllib.parse
import zlib
from typing import Any

from coriolis_ng import errors as root_errors
from coriolis_ng.objects import Value
from coriolis_ng.transport import errors
from coriolis_ng.transport.digest import DEFAULT, digest
from coriolis_ng.transport.ratelimit import Clock

MAX_WRITE = 1 << 20
MAX_ZERO = 1 << 30
MAX_DIGEST = 128 << 20
SAMPLE = 16 << 10
COMPRESS = ('auto', 'always', 'never')


class Patience(Value):
    """How long a request is tried; the delay doubles each time.

    A flush of a slow volume may take minutes, so a request is given time; a
    machine that is gone is noticed by TCP after ``dead_seconds`` all the same.
    """

    timeout_seconds: float = 180.0
    dead_seconds: float = 30.0
    tries: int = 5
    first_delay_seconds: float = 0.2


class Packer:
    """Decides for each chunk whether compressing it pays.

    It compares the seconds a byte takes both ways, compression and the
    answer of the agent included, and now and then tries the way that looked
    worse: links and data change.  One belongs to one stream.
    """

    EXPLORE = 64
    WEIGHT = 0.2
    MARGIN = 0.9

    def __init__(self, mode: str, clock: Clock = time) -> None:
        if mode not in COMPRESS:
            raise ValueError(f'compress is one of {COMPRESS}, not {mode!r}')
        self._mode = mode
        self._clock = clock
        self._cost: dict[bool, float] = {}
        self._count = 0

    def start(self) -> tuple[bool, float]:
        """Whether to compress the next chunk, and when it began."""
        self._count += 1
        if self._mode != 'auto':
            return self._mode == 'always', self._clock.monotonic()
        if len(self._cost) < 2:
            packed = self._count % 4 == 3
        else:
            packed = self._cost[True] < self.MARGIN * self._cost[False]
            if self._count % self.EXPLORE == 0:
                packed = not packed
        return packed, self._clock.monotonic()

    def end(self, packed: bool, began: float, length: int) -> None:
        """Learn what a chunk of ``length`` bytes (before compression) cost
        since ``start``."""
        cost = (self._clock.monotonic() - began) / max(length, 1)
        known = self._cost.get(packed, cost)
        self._cost[packed] = known + self.WEIGHT * (cost - known)


def deflated(view: memoryview) -> memoryview | bytes:
    """``view`` deflated, or as it is where that saves nothing.

    A sample of 16 KiB is tried first: deflating a MiB of noise takes 30 ms,
    as long as sending it many times over.
    """
    middle = len(view) // 2
    sample = view[middle : middle + SAMPLE]
    if len(zlib.compress(sample, 1)) > 0.9 * len(sample):
        return view
    small = zlib.compress(view, 1)
    return small if len(small) < 0.95 * len(view) else view


def tune(sock: socket.socket, patience: Patience) -> None:
    """No delays of small requests, and a peer that vanished is noticed."""
    dead = int(patience.dead_seconds)
    sock.settimeout(patience.timeout_seconds)
    for level, option, value in (
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, dead // 3)),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, dead // 6)),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * dead),
    ):
        sock.setsockopt(level, option, value)


class AgentSink:
    """One disk of an agent, as a :class:`VerifyingSink`.

    ``context`` is ``Certificates.client_context()``; ``attempt`` fences
    older attempts off.  ``host`` must be one of the hosts of the certificate
    (``127.0.0.1`` among them where the agent is reached through a tunnel).
    """

    algorithm = DEFAULT

    def __init__(
        self,
        host: str,
        port: int,
        disk: str,
        *,
        context: ssl.SSLContext,
        attempt: int,
        compress: str = 'auto',
        patience: Patience | None = None,
        clock: Clock = time,
        size: int | None = None,
        instance: str | None = None,
    ) -> None:
        self._host, self._port, self._disk = host, port, disk
        self._path = '/v1/disks/' + urllib.parse.quote(disk, safe='')
        self._context = context
        self._attempt = attempt
        self._compress = compress
        self._packer = Packer(compress, clock)
        self._patience = patience or Patience()
        self._clock = clock
        self._instance = instance
        self._connection: http.client.HTTPSConnection | None = None
        if size is None:
            size = int(self._json('GET', self._path)['size'])
        self.size = size

    def clone(self) -> AgentSink:
        """Another stream, by a connection of its own; it notices too when the
        agent was started anew."""
        return AgentSink(
            self._host,
            self._port,
            self._disk,
            context=self._context,
            attempt=self._attempt,
            compress=self._compress,
            patience=self._patience,
            clock=self._clock,
            size=self.size,
            instance=self._instance,
        )

    def close(self) -> None:
        """Closes the connection; the agent keeps running."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def describe(self) -> dict[str, Any]:
        """Version and capabilities of the agent."""
        return self._json('GET', '/v1')

    def write(self, offset: int, view: memoryview) -> None:
        """Write with digests that are computed here."""
        for start in range(0, len(view), MAX_WRITE):
            part = view[start : start + MAX_WRITE]
            checksum = digest(part, self.algorithm)
            self.write_verified(offset + start, part, checksum)

    def write_verified(
        self, offset: int, view: memoryview, digest: bytes
    ) -> int:
        """Write at most ``MAX_WRITE`` bytes whose digest the agent checks
        before; answers the bytes sent, fewer where deflating helped."""
        if not len(view):
            return 0
        text = base64.b64encode(digest).decode('ascii')
        headers = {
            'Content-Range': f'bytes {offset}-{offset + len(view) - 1}/*',
            'Digest': f'{self.algorithm}={text}',
        }
        packed, began = self._packer.start()
        body: memoryview | bytes = view
        if packed:
            body = deflated(view)
            if body is not view:
                headers['Content-Encoding'] = 'deflate'
        self._call('PUT', self._path + '/data', headers, body)
        self._packer.end(packed, began, len(view))
        return len(body)

    def zero(self, offset: int, length: int) -> None:
        """Zero a range of any length, by requests of at most ``MAX_ZERO``."""
        self._post_span('/zero', offset, length)

    def discard(self, offset: int, length: int) -> None:
        """As ``zero``, and the agent gives the space back where it can."""
        self._post_span('/discard', offset, length)

    def _post_span(self, what: str, offset: int, length: int) -> None:
        end = offset + length
        while offset < end:
            step = min(MAX_ZERO, end - offset)
            body = json.dumps({'offset': offset, 'length': step}).encode()
            self._call('POST', self._path + what, {}, body)
            offset += step

    def flush(self) -> None:
        """What was written by any stream is durable: the agent has called
        ``fsync``."""
        self._call('POST', self._path + '/flush', {}, b'{}')

    def digests(self, offset: int, length: int, block: int) -> list[bytes]:
        """Digests of blocks that the agent reads back from the disk."""
        found: list[bytes] = []
        step = max(block, MAX_DIGEST // block * block)
        path = f'{self._path}/digest?algorithm={self.algorithm}&block={block}'
        for start in range(offset, offset + length, step):
            last = min(start + step, offset + length) - 1
            headers = {'Range': f'bytes={start}-{last}'}
            value = self._json('GET', path, headers)
            found += [bytes.fromhex(text) for text in value['digests']]
        return found

    def readinto(self, offset: int, view: memoryview) -> None:
        """Read back, so that the agent's disk can be a source as well."""
        step = 1 << 20
        for start in range(0, len(view), step):
            part = view[start : start + step]
            first = offset + start
            headers = {'Range': f'bytes={first}-{first + len(part) - 1}'}
            part[:] = self._call('GET', self._path + '/data', headers)

    def _json(
        self, method: str, path: str, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(
            self._call(method, path, headers or {})
        )
        return value

    def _call(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: memoryview | bytes | None = None,
    ) -> bytes:
        """Body of the answer; tried anew on a fresh connection when lost."""
        delay = self._patience.first_delay_seconds
        for left in reversed(range(self._patience.tries)):
            try:
                return self._once(method, path, headers, body)
            except ssl.SSLCertVerificationError as error:
                self.close()
                raise errors.TransportError(
                    'The agent is not the one that was started.',
                    detail=str(error),
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not left:
                    raise errors.ConnectionLost(
                        'The connection to the worker machine was lost.',
                        detail=f'{method} {path}: {error!r}',
                    ) from error
            self._clock.sleep(delay)
            delay = min(delay * 2, 10.0)
        raise AssertionError('unreachable')

    def _once(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: memoryview | bytes | None,
    ) -> bytes:
        connection = self._connected()
        sent = {'Coriolis-Attempt': str(self._attempt), **headers}
        if body is not None:
            sent['Content-Length'] = str(len(body))
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        answer = response.read()
        if response.will_close:
            self.close()
        if response.status < 300:
            self._same_agent(response.headers.get('Coriolis-Instance'))
            return answer
        self._refused(method, path, response.status, answer)
        raise AssertionError('unreachable')

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            connection = http.client.HTTPSConnection(
                self._host,
                self._port,
                timeout=self._patience.dead_seconds,
                context=self._context,
            )
            connection.connect()
            tune(connection.sock, self._patience)
            self._connection = connection
        return self._connection

    def _same_agent(self, instance: str | None) -> None:
        if self._instance is None:
            self._instance = instance
        if instance != self._instance:
            raise errors.AgentRestarted(
                'The worker machine was restarted during the copy.',
                detail=f'agent {instance} instead of {self._instance}',
            )

    def _refused(
        self, method: str, path: str, status: int, answer: bytes
    ) -> None:
        try:
            text = str(json.loads(answer)['error'])
        except (ValueError, KeyError, TypeError):
            text = repr(answer[:200])
        detail = f'{method} {path}: {status} {text}'
        if status == 409:
            raise root_errors.Stale(
                'A newer attempt of this copy is at work.', detail=detail
            )
        if status == 422:
            raise root_errors.CorruptData(
                'What arrived at the destination is not what was sent.',
                detail=detail,
            )
        if status == 416:
            raise errors.OutOfRange(
                'A request would leave the disk.', detail=detail
            )
        raise errors.AgentRefused(
            'The worker machine refused a request.',
            status=status,
            detail=detail,
        )
