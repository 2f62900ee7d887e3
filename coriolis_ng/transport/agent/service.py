# SPDX-License-Identifier: Apache-2.0
"""What the agent answers to each request; knows no sockets and no TLS.

Paths are versioned, and what ``GET /v1`` once told stays true for ``/v1``.
Runs on Python 3.6.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import threading
import time
import zlib
from typing import Any, Callable, Dict, Optional, Tuple, Union

from . import disks as disk_io
from .http import MAX_BODY, HttpError, Request, Stream, from_json, to_json

VERSION = '1.0'
Data = Union[bytes, memoryview]
Answer = Tuple[int, Dict[str, str], Data]
Span = Tuple[int, int]
DIGESTS: Dict[str, Callable[[], Any]] = {
    'sha-256': hashlib.sha256,
    'blake2b-256': lambda: hashlib.blake2b(digest_size=32),
}
MAX_ZERO = 1 << 30
MAX_DIGEST = 128 << 20
MIN_BLOCK = 4096
_DISK = re.compile(r'/v1/disks/([^/?]{1,64})(?:/([a-z]{1,16}))?\Z')
_ATTEMPT = re.compile(r'\d{1,18}\Z')


class Fence:
    """Lets only the newest attempt through.

    A newer attempt waits until what older ones already began is over, so
    that a late write of theirs cannot land on top of it.
    """

    def __init__(self, attempt: int = 0, patience: float = 60.0) -> None:
        self._newest = attempt
        self._running: Dict[int, int] = {}
        self._patience = patience
        self._changed = threading.Condition()

    def enter(self, attempt: int) -> None:
        """Begin a write of that attempt; always followed by ``leave``. Raises
        ``HttpError``: 409 for an attempt that was given up, 503 when an older
        one does not end in time."""
        with self._changed:
            if attempt < self._newest:
                raise HttpError(409, 'a newer attempt is at work')
            self._newest = attempt
            if not self._changed.wait_for(
                lambda: not any(a < attempt for a in self._running),
                self._patience,
            ):
                raise HttpError(503, 'an older attempt is still writing')
            if attempt < self._newest:
                raise HttpError(409, 'a newer attempt is at work')
            self._running[attempt] = self._running.get(attempt, 0) + 1

    def leave(self, attempt: int) -> None:
        """A write of that attempt is over."""
        with self._changed:
            self._running[attempt] -= 1
            if not self._running[attempt]:
                del self._running[attempt]
                self._changed.notify_all()


class Service:
    """The state that all connections share."""

    def __init__(
        self, disks: Dict[str, disk_io.Disk], attempt: int = 0
    ) -> None:
        self.disks = disks
        self.fence = Fence(attempt)
        self.instance = binascii.hexlify(os.urandom(16)).decode('ascii')
        self.last_valid = time.monotonic()

    def touch(self) -> None:
        """A valid request came: the lease begins anew."""
        self.last_valid = time.monotonic()

    def describe(self) -> Dict[str, Any]:
        """What ``GET /v1`` answers; ``instance`` changes with each start, the
        limits are in bytes."""
        return {
            'version': VERSION,
            'instance': self.instance,
            'capabilities': {
                'digests': sorted(DIGESTS),
                'encodings': ['deflate', 'identity'],
                'operations': ['data', 'digest', 'discard', 'flush', 'zero'],
                'max_body': MAX_BODY,
                'max_zero': MAX_ZERO,
                'max_digest': MAX_DIGEST,
            },
            'disks': sorted(self.disks),
        }


class Session:
    """Answers the requests of one connection, with buffers of its own."""

    def __init__(self, service: Service, stream: Stream) -> None:
        self._service = service
        self._stream = stream
        self._body = memoryview(bytearray(MAX_BODY))
        self._data: Optional[memoryview] = None

    def answer(self, request: Request) -> Answer:
        """``(status, headers, body)``; HttpError for what is refused."""
        body = self._body[: request.length]
        self._stream.read_body(body)
        attempt = request.headers.get('coriolis-attempt', '')
        if not _ATTEMPT.match(attempt):
            raise HttpError(400, 'missing or malformed Coriolis-Attempt')
        do, arguments = self._route(request)
        number = int(attempt)
        self._service.fence.enter(number)
        try:
            answer = do(request, body, *arguments)
        finally:
            self._service.fence.leave(number)
        self._service.touch()
        return answer

    def _route(
        self, request: Request
    ) -> Tuple[Callable[..., Answer], Tuple[disk_io.Disk, ...]]:
        if request.path == '/v1':
            if request.method != 'GET':
                raise HttpError(405, 'GET only')
            return self._get_version, ()
        found = _DISK.match(request.path)
        if not found:
            raise HttpError(404, 'no such resource')
        name, what = found.groups()
        disk = self._service.disks.get(name)
        if disk is None:
            raise HttpError(404, 'no such disk')
        methods = {
            None: {'GET': self._get_disk},
            'data': {'GET': self._get_data, 'PUT': self._put_data},
            'digest': {'GET': self._get_digest},
            'zero': {'POST': self._post_zero},
            'discard': {'POST': self._post_discard},
            'flush': {'POST': self._post_flush},
        }.get(what)
        if methods is None:
            raise HttpError(404, 'no such resource')
        if request.method not in methods:
            raise HttpError(405, 'use ' + ' or '.join(sorted(methods)))
        return methods[request.method], (disk,)

    def _get_version(self, request: Request, body: memoryview) -> Answer:
        return 200, {}, to_json(self._service.describe())

    def _get_disk(
        self, request: Request, body: memoryview, disk: disk_io.Disk
    ) -> Answer:
        value = {'name': disk.name, 'size': disk.size()}
        return 200, {}, to_json(value)

    def _get_data(
        self, request: Request, body: memoryview, disk: disk_io.Disk
    ) -> Answer:
        offset, length = self._within(disk, request.span('range'), MAX_BODY)
        view = self._spare()[:length]
        disk_io.read_all(disk.open(), view, offset)
        headers = {'Content-Type': 'application/octet-stream'}
        return 200, headers, view

    def _put_data(
        self, request: Request, body: memoryview, disk: disk_io.Disk
    ) -> Answer:
        span = request.span('content-range')
        offset, length = self._within(disk, span, MAX_BODY)
        data = self._decoded(request, body, length)
        wanted = request.headers.get('digest')
        if wanted is not None:
            check_digest(wanted, data)
        disk_io.write_all(disk.open(), memoryview(data), offset)
        return 204, {}, b''

    def _decoded(
        self, request: Request, body: memoryview, length: int
    ) -> Data:
        encoding = request.headers.get('content-encoding', 'identity')
        if encoding == 'identity':
            data: Data = body
        elif encoding == 'deflate':
            data = inflate(body, length)
        else:
            raise HttpError(415, 'deflate or identity only')
        if len(data) != length:
            raise HttpError(400, 'body is not as long as its range')
        return data

    def _get_digest(
        self, request: Request, body: memoryview, disk: disk_io.Disk
    ) -> Answer:
        offset, length = self._within(disk, request.span('range'), MAX_DIGEST)
        query = re.match(
            r'algorithm=([a-z0-9-]{1,32})&block=(\d{1,12})\Z', request.query
        )
        if not query or query.group(1) not in DIGESTS:
            raise HttpError(400, 'give a known algorithm and a block')
        block = int(query.group(2))
        if not MIN_BLOCK <= block <= MAX_DIGEST:
            raise HttpError(400, 'bad block size')
        values = []
        for start in range(offset, offset + length, block):
            state = DIGESTS[query.group(1)]()
            stop = min(start + block, offset + length)
            for at in range(start, stop, MAX_BODY):
                view = self._spare()[: min(MAX_BODY, stop - at)]
                disk_io.read_all(disk.open(), view, at)
                state.update(view)
            values.append(state.hexdigest())
        return 200, {}, to_json({'digests': values})

    def _post_zero(
        self, request: Request, body: memoryview, disk: disk_io.Disk
    ) -> Answer:
        disk_io.zero(disk.open(), *self._json_span(body, disk))
        return 204, {}, b''

    def _post_discard(
        self, request: Request, body: memoryview, disk: disk_io.Disk
    ) -> Answer:
        disk_io.discard(disk.open(), *self._json_span(body, disk))
        return 204, {}, b''

    def _post_flush(
        self, request: Request, body: memoryview, disk: disk_io.Disk
    ) -> Answer:
        disk.flush()
        return 204, {}, b''

    def _json_span(self, body: memoryview, disk: disk_io.Disk) -> Span:
        value = from_json(bytes(body))
        span = number_of(value, 'offset'), number_of(value, 'length')
        return self._within(disk, span, MAX_ZERO)

    def _within(self, disk: disk_io.Disk, span: Span, most: int) -> Span:
        offset, length = span
        if length == 0 or offset + length > disk.size():
            raise HttpError(416, 'range is not within the disk')
        if length > most:
            raise HttpError(413, 'at most %d bytes a request' % most)
        return span

    def _spare(self) -> memoryview:
        if self._data is None:
            self._data = memoryview(bytearray(MAX_BODY))
        return self._data


def number_of(value: Dict[str, Any], name: str) -> int:
    """A field that is no negative number, no bool and no string."""
    number = value.get(name)
    if type(number) is not int or number < 0:
        raise HttpError(400, name + ' is not a number')
    return int(number)


def inflate(body: memoryview, length: int) -> bytes:
    """At most ``length`` bytes out of a zlib stream, which must end there."""
    state = zlib.decompressobj()
    try:
        data = state.decompress(body, length)
        # The trailer may not have been looked at yet.
        more = not state.eof and len(data) == length
        if more and state.decompress(state.unconsumed_tail, 1):
            raise HttpError(400, 'body is longer than its range')
    except zlib.error:
        raise HttpError(400, 'body is not deflated data') from None
    if not state.eof or state.unused_data:
        raise HttpError(400, 'body is not one whole deflated stream')
    return data


def check_digest(header: str, data: Data) -> None:
    """Compare with ``algorithm=base64``; 422 when the data is not the same."""
    name, _, text = header.partition('=')
    if name not in DIGESTS:
        raise HttpError(400, 'unknown digest algorithm')
    try:
        wanted = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise HttpError(400, 'malformed Digest') from None
    state = DIGESTS[name]()
    state.update(data)
    if not hmac.compare_digest(state.digest(), wanted):
        raise HttpError(422, 'digest does not match')
