# SPDX-License-Identifier: Apache-2.0
"""What a worker and its child say to each other, and how it is framed.

A frame is a length of four bytes, big endian, and JSON. Only this pipe
carries secrets to a child: not its arguments, not its environment.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import threading
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.objects import Value
from coriolis_ng.objects.task import Level, Progress
from coriolis_ng.rpc.wire import Answer, Assignment, Query, Result

LONGEST = 32 << 20  # bytes of a frame: the journal of a big disk fits
_LENGTH = struct.Struct('>I')


# --- what the worker says ---------------------------------------------------
class RunTask(Value, tag='run_task'):
    """The first word for a task. ``providers`` maps the names of providers
    to ``module:Class``."""

    assignment: Assignment
    providers: dict[str, str]
    limit: float | None = None  # bytes per second, as in ``Limit``


class RunQuery(Value, tag='run_query'):
    """The first word for a question; ``secret`` is the connection
    information in clear."""

    query: Query
    provider: str
    secret: bytes


class Reply(Value, tag='reply'):
    """The answer to :class:`Call`, as ``rpc.serializer`` packs answers and
    errors."""

    id: int
    answer: dict[str, Any]


class StopNow(Value, tag='stop'):
    """Please end at the next good moment."""


class Limit(Value, tag='limit'):
    """Its share of what may be copied now; None is no limit."""

    bytes_per_second: float | None = None


# --- what the child says ----------------------------------------------------
class Hello(Value, tag='hello'):
    """Alive, and waiting for the first word."""

    pid: int


class Told(Value, tag='told'):
    progress: tuple[Progress, ...]


class Noted(Value, tag='noted'):
    text: str
    level: Level = Level.INFO


class Learned(Value, tag='learned'):
    """A secret that the child got by itself: nothing may tell it."""

    payload: bytes


class Saved(Value, tag='saved'):
    checkpoint: dict[str, Any]


class Call(Value, tag='call'):
    """A request that is answered: created, dropped, secret, keep, forget."""

    id: int
    name: str
    args: dict[str, Any] = {}


class Logged(Value, tag='logged'):
    """A record of the log; ``level`` is a number of ``logging``."""

    level: int
    name: str
    text: str


class Ended(Value, tag='ended'):
    """The last word; exactly one of both is there."""

    result: Result | None = None
    answer: Answer | None = None


FromWorker = RunTask | RunQuery | Reply | StopNow | Limit
FromChild = Hello | Told | Noted | Learned | Saved | Call | Logged | Ended


@functools.cache
def decoder(incoming: Any) -> Any:
    """Made once for a type: it takes two milliseconds, which each child
    would spend again if the process that it is forked from had none."""
    return msgspec.json.Decoder(incoming)


class Pipe:
    """One end of a connected stream socket that speaks frames."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._decoder = decoder(incoming)
        self._encoder = msgspec.json.Encoder()

    def send(self, message: Any) -> bool:
        """Sends; False when the other side is gone."""
        data = self._encoder.encode(message)
        if len(data) > LONGEST:
            raise errors.InvalidInput(
                f'A message of {len(data)} bytes is too long.'
            )
        try:
            with self._lock:
                self._sock.sendall(_LENGTH.pack(len(data)) + data)
        except OSError:
            return False
        return True

    def receive(self) -> Any:
        """The next message, or None when the other side is gone."""
        head = self._read(_LENGTH.size)
        if head is None:
            return None
        (length,) = _LENGTH.unpack(head)
        data = self._read(length) if length <= LONGEST else None
        return None if data is None else self._decoder.decode(data)

    def fileno(self) -> int:
        return self._sock.fileno()

    def hang_up(self) -> None:
        """Ends both directions, also for a thread that waits in
        ``receive``; the other side sees the end."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Frees the socket; only for the thread that receives."""
        self.hang_up()
        self._sock.close()

    def _read(self, length: int) -> bytes | None:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            try:
                got = self._sock.recv_into(view)
            except OSError:
                return None
            if not got:
                return None
            view = view[got:]
        return bytes(data)
