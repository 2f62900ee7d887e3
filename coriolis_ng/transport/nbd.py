# SPDX-License-Identifier: Apache-2.0
"""A client of the NBD protocol, for one connection.

Our own and not Debian's ``python3-libnbd``: that module is built for the one
interpreter of the distribution, so a virtual environment or Python 3.12
could not import the transport at all; its ``pread`` copies every buffer
twice, and what is needed here is little: fixed newstyle negotiation,
structured replies, block status, and several requests in flight.  Names and
numbers are those of the protocol's ``doc/proto.md``.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import struct
import urllib.parse
from collections.abc import Iterator
from typing import NamedTuple

from coriolis_ng.objects import Value
from coriolis_ng.transport import errors

_NBDMAGIC = 0x4E42444D41474943
_IHAVEOPT = 0x49484156454F5054
_OPTION_REPLY = 0x3E889045565A9
_REQUEST = 0x25609513
_SIMPLE = 0x67446698
_STRUCTURED = 0x668E33EF

_OPT_STARTTLS, _OPT_GO, _OPT_STRUCTURED, _OPT_SET_META = 5, 7, 8, 10
_REP_ACK, _REP_INFO, _REP_META = 1, 3, 4
_REP_ERROR = 1 << 31

READ, WRITE, DISC, FLUSH, TRIM, WRITE_ZEROES, BLOCK_STATUS = (
    0,
    1,
    2,
    3,
    4,
    6,
    7,
)
NO_HOLE = 2
_READ_ONLY, _CAN_FLUSH, _CAN_ZEROES, _CAN_MULTI = (
    1 << 1,
    1 << 2,
    1 << 6,
    1 << 8,
)

_CHUNK_NONE, _CHUNK_DATA, _CHUNK_HOLE, _CHUNK_STATUS = 0, 1, 2, 5
_CHUNK_ERROR = 1 << 15
_DONE = 1

ALLOCATION = 'base:allocation'
MAX_REPLY = 64 << 20
# Requests and answers lie in the buffers of two sockets: a server that is
# busy with sending does not read, so whoever only sends waits for ever.
MAX_IN_FLIGHT = 16


class NbdAddress(Value):
    """Where an NBD server listens: a unix socket, or a host and a port."""

    export: str = ''
    socket: str | None = None
    host: str | None = None
    port: int = 10809

    @classmethod
    def parse(cls, uri: str) -> NbdAddress:
        """Of ``nbd+unix:///EXPORT?socket=PATH`` or ``nbd://HOST:PORT/…``."""
        parts = urllib.parse.urlsplit(uri)
        export = urllib.parse.unquote(parts.path.lstrip('/'))
        if parts.scheme == 'nbd+unix':
            path = urllib.parse.parse_qs(parts.query).get('socket', [''])[0]
            if path:
                return cls(export=export, socket=path)
        elif parts.scheme == 'nbd' and parts.hostname:
            return cls(
                export=export, host=parts.hostname, port=parts.port or 10809
            )
        raise errors.TransportError('Not an NBD address.', detail=uri)


class NbdError(errors.TransportError):
    """The server answered a request with an error; ``number`` is its errno."""

    code = 'nbd_error'

    def __init__(self, message: str, *, number: int, detail: str = '') -> None:
        super().__init__(message, detail=detail)
        self.number = number


class _Head(NamedTuple):
    """What begins an answer; ``length`` bytes of payload follow."""

    cookie: int
    kind: int = _CHUNK_NONE
    length: int = 0
    number: int = 0
    simple: bool = False
    done: bool = False


class NbdConnection:
    """One negotiated connection; not for several threads at once.

    ``contexts`` are asked for; ``found`` tells which the server has.
    """

    def __init__(
        self,
        address: NbdAddress,
        contexts: tuple[str, ...] = (),
        *,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 120.0,
    ) -> None:
        self.address = address
        self.size = 0
        self.flags = 0
        self.found: dict[str, int] = {}
        self._cookie = 0
        self._structured = False
        try:
            self._socket = self._connect(timeout_seconds)
        except OSError as error:
            raise self._lost(error) from error
        with contextlib.ExitStack() as undo:
            undo.callback(self._hang_up)
            self._negotiate(contexts, tls)
            undo.pop_all()

    def _lost(self, error: object) -> errors.ConnectionLost:
        return errors.ConnectionLost(
            "The connection to the disk's NBD server was lost.",
            detail=f'{self.address}: {error}',
        )

    def _connect(self, timeout: float) -> socket.socket:
        if self.address.socket is not None:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            try:
                sock.connect(self.address.socket)
            except OSError:
                sock.close()
                raise
            return sock
        where = (self.address.host or 'localhost', self.address.port)
        sock = socket.create_connection(where, timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    # -- bytes -----------------------------------------------------------

    def _send(self, *parts: bytes | memoryview) -> None:
        try:
            for part in parts:
                self._socket.sendall(part)
        except OSError as error:
            raise self._lost(error) from error

    def _fill(self, view: memoryview) -> None:
        done = 0
        try:
            while done < len(view):
                count = self._socket.recv_into(view[done:])
                if count == 0:
                    raise self._lost('closed by the server')
                done += count
        except OSError as error:
            raise self._lost(error) from error

    def _get(self, count: int) -> bytes:
        if count > MAX_REPLY:
            raise self._lost(f'a reply of {count} bytes')
        data = bytearray(count)
        self._fill(memoryview(data))
        return bytes(data)

    # -- negotiation -----------------------------------------------------

    def _negotiate(
        self, contexts: tuple[str, ...], tls: ssl.SSLContext | None
    ) -> None:
        magic, option, flags = struct.unpack('>QQH', self._get(18))
        if (magic, option) != (_NBDMAGIC, _IHAVEOPT) or not flags & 1:
            raise self._lost('not a fixed newstyle NBD server')
        # FIXED_NEWSTYLE, and NO_ZEROES where offered.
        self._send(struct.pack('>I', flags & 3))
        if tls is not None:
            self._start_tls(tls)
        try:
            list(self._option(_OPT_STRUCTURED, b''))
            self._structured = True
        except NbdError:
            contexts = ()
        export = self.address.export.encode()
        if contexts:
            self._set_contexts(export, contexts)
        data = struct.pack('>I', len(export)) + export + struct.pack('>H', 0)
        for kind, info in self._option(_OPT_GO, data):
            if kind == _REP_INFO and info[:2] == b'\0\0':
                self.size, self.flags = struct.unpack('>QH', info[2:12])

    def _start_tls(self, tls: ssl.SSLContext) -> None:
        list(self._option(_OPT_STARTTLS, b''))
        try:
            self._socket = tls.wrap_socket(
                self._socket, server_hostname=self.address.host
            )
        except OSError as error:
            raise self._lost(error) from error

    def _set_contexts(self, export: bytes, contexts: tuple[str, ...]) -> None:
        data = struct.pack('>I', len(export)) + export
        data += struct.pack('>I', len(contexts))
        for name in contexts:
            data += struct.pack('>I', len(name)) + name.encode()
        try:
            for kind, info in self._option(_OPT_SET_META, data):
                if kind == _REP_META:
                    (number,) = struct.unpack('>I', info[:4])
                    self.found[info[4:].decode()] = number
        except NbdError:
            self.found = {}

    def _option(self, option: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Send an option; the replies before its ACK."""
        self._send(struct.pack('>QII', _IHAVEOPT, option, len(data)) + data)
        while True:
            magic, echoed, kind, length = struct.unpack('>QIII', self._get(20))
            if magic != _OPTION_REPLY or echoed != option:
                raise self._lost('negotiation out of step')
            info = self._get(length)
            if kind == _REP_ACK:
                return
            if kind & _REP_ERROR:
                raise NbdError(
                    'The NBD server refused the export.',
                    number=kind & 0xFFFF,
                    detail=f'{self.address}: {info[:200]!r}',
                )
            yield kind, info

    # -- transmission ----------------------------------------------------

    @property
    def can_multi(self) -> bool:
        """Whether a flush on one connection covers the others."""
        return bool(self.flags & _CAN_MULTI)

    @property
    def read_only(self) -> bool:
        """Whether the server refuses every write to this export."""
        return bool(self.flags & _READ_ONLY)

    @property
    def can_zero(self) -> bool:
        """Whether it knows WRITE_ZEROES; without it zeroes have to be sent."""
        return bool(self.flags & _CAN_ZEROES)

    def _request(
        self, command: int, offset: int, length: int, flags: int = 0
    ) -> int:
        self._cookie += 1
        self._send(
            struct.pack(
                '>IHHQQI',
                _REQUEST,
                flags,
                command,
                self._cookie,
                offset,
                length,
            )
        )
        return self._cookie

    def readinto(self, offset: int, view: memoryview, part: int) -> None:
        """Fill ``view``, asking for its parts before the first comes.

        Several requests in flight are what hides the latency of a source;
        at most ``MAX_IN_FLIGHT`` are.
        """
        waiting: dict[int, tuple[int, memoryview]] = {}
        starts = iter(range(0, len(view), part))
        failed = 0
        while True:
            room = MAX_IN_FLIGHT - len(waiting)
            # Nothing more is asked for after an error.
            for start in itertools.islice(starts, 0 if failed else room):
                piece = view[start : start + part]
                cookie = self._request(READ, offset + start, len(piece))
                waiting[cookie] = (offset + start, piece)
            if not waiting:
                break
            # After an error the other answers still have to be taken away.
            cookie, done, number = self._read_chunk(waiting)
            failed = failed or number
            if done:
                del waiting[cookie]
        if failed:
            raise NbdError(
                'The source could not be read.',
                number=failed,
                detail=f'errno {failed} at {offset}, {self.address}',
            )

    def _read_chunk(
        self, waiting: dict[int, tuple[int, memoryview]]
    ) -> tuple[int, bool, int]:
        head = self._head()
        if head.cookie not in waiting:
            raise self._lost('an answer to no request')
        start, piece = waiting[head.cookie]
        if head.number:
            pass
        elif head.simple:
            self._fill(piece)
        elif head.kind == _CHUNK_DATA:
            (at,) = struct.unpack('>Q', self._get(8))
            self._fill(self._slot(piece, start, at, head.length - 8))
        elif head.kind == _CHUNK_HOLE:
            at, count = struct.unpack('>QI', self._get(12))
            slot = self._slot(piece, start, at, count)
            slot[:] = bytes(count)
        elif head.kind != _CHUNK_NONE:
            raise self._lost(f'chunk type {head.kind} answers a read')
        return head.cookie, head.done, head.number

    def _slot(
        self, piece: memoryview, start: int, at: int, count: int
    ) -> memoryview:
        if at < start or count < 0 or at + count > start + len(piece):
            raise self._lost('an answer outside of its request')
        return piece[at - start : at - start + count]

    def _head(self) -> _Head:
        """The head of the next answer; an error's text is taken away."""
        (magic,) = struct.unpack('>I', self._get(4))
        if magic == _SIMPLE:
            number, cookie = struct.unpack('>IQ', self._get(12))
            return _Head(cookie, number=number, simple=True, done=True)
        if magic != _STRUCTURED or not self._structured:
            raise self._lost('out of step')
        flags, kind, cookie, length = struct.unpack('>HHQI', self._get(16))
        done = bool(flags & _DONE)
        if not kind & _CHUNK_ERROR:
            return _Head(cookie, kind=kind, length=length, done=done)
        (number,) = struct.unpack('>I', self._get(length)[:4])
        return _Head(cookie, number=number, done=done)

    def _simple(
        self,
        command: int,
        offset: int = 0,
        length: int = 0,
        *,
        flags: int = 0,
        payload: memoryview | None = None,
    ) -> None:
        """A request whose answer has no payload."""
        self._request(command, offset, length, flags)
        if payload is not None:
            self._send(payload)
        failed = 0
        done = False
        while not done:
            head = self._head()
            self._get(head.length)
            failed = failed or head.number
            done = head.done
        if failed:
            raise NbdError(
                'The destination refused a request.',
                number=failed,
                detail=f'command {command}, errno {failed}, {length}'
                f' bytes at {offset}, {self.address}',
            )

    def write(self, offset: int, view: memoryview) -> None:
        """Write all of ``view``; durable after the next ``flush``. Raises
        ``NbdError`` and ``ConnectionLost``."""
        self._simple(WRITE, offset, len(view), payload=view)

    def write_zeroes(self, offset: int, length: int, flags: int) -> None:
        """Zero a range; ``flags`` 0 lets the server punch a hole, ``NO_HOLE``
        forbids it. Only where ``can_zero``."""
        self._simple(WRITE_ZEROES, offset, length, flags=flags)

    def flush(self) -> None:
        """What was answered before is durable; nothing where the server has no
        cache to flush."""
        if self.flags & _CAN_FLUSH:
            self._simple(FLUSH)

    def block_status(
        self, offset: int, length: int, context: str
    ) -> list[tuple[int, int]]:
        """``(length, flags)`` from ``offset`` on; may stop early."""
        wanted = self.found[context]
        self._request(BLOCK_STATUS, offset, length)
        found: list[tuple[int, int]] = []
        failed = 0
        done = False
        while not done:
            head = self._head()
            data = self._get(head.length)
            failed = failed or head.number
            done = head.done
            status = head.kind == _CHUNK_STATUS
            if status and data[:4] == struct.pack('>I', wanted):
                found = list(struct.iter_unpack('>II', data[4:]))
        if failed:
            raise NbdError(
                'The source could not tell what is allocated.',
                number=failed,
                detail=f'errno {failed}, {context} at {offset}',
            )
        return found

    def close(self) -> None:
        """Tell the server, if it still listens, and close the socket."""
        with contextlib.suppress(errors.ConnectionLost):
            self._request(DISC, 0, 0)
        self._hang_up()

    def _hang_up(self) -> None:
        """Closes the socket of now: TLS puts its own in the first's place."""
        self._socket.close()
