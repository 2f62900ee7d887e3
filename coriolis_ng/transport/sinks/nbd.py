# SPDX-License-Identifier: Apache-2.0
"""Writes to a disk that an NBD server exports."""

from __future__ import annotations

import ssl
import threading

from coriolis_ng.transport import errors
from coriolis_ng.transport.nbd import NO_HOLE, NbdAddress, NbdConnection

_ZEROES = memoryview(bytes(1 << 20))
_MAX_ZERO = 1 << 30
_MAX_WRITE = 16 << 20


class _Shared:
    """One connection for all clones, where the server wants that.

    Without NBD_FLAG_CAN_MULTI_CONN a flush covers only what was written on
    the same connection.
    """

    def __init__(self, connection: NbdConnection) -> None:
        self.connection = connection
        self.lock = threading.Lock()
        self.users = 1


class NbdSink:
    """An export that is writable; ``address`` as for ``NbdReader``."""

    def __init__(
        self,
        address: NbdAddress | str,
        *,
        tls: ssl.SSLContext | None = None,
        shared: _Shared | None = None,
    ) -> None:
        if isinstance(address, str):
            address = NbdAddress.parse(address)
        self._address = address
        self._tls = tls
        self._closed = False
        if shared is None:
            shared = _Shared(NbdConnection(address, tls=tls))
        if shared.connection.read_only:
            shared.connection.close()
            raise errors.TransportError(
                'The destination cannot be written to.',
                detail=f'read-only export at {address}',
            )
        self._shared = shared
        self.size = shared.connection.size

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise errors.OutOfRange(
                'A write would leave the disk.',
                detail=f'{length} at {offset} of {self.size}',
            )

    def write(self, offset: int, view: memoryview) -> None:
        """Write all of ``view``; ``OutOfRange``, ``NbdError``,
        ``ConnectionLost``."""
        self._check(offset, len(view))
        with self._shared.lock:
            for start in range(0, len(view), _MAX_WRITE):
                self._shared.connection.write(
                    offset + start, view[start : start + _MAX_WRITE]
                )

    def zero(self, offset: int, length: int) -> None:
        """Zero a range that stays allocated."""
        self._zero(offset, length, NO_HOLE)

    def discard(self, offset: int, length: int) -> None:
        """Zero a range; the server may punch a hole."""
        # Not TRIM, which promises nothing about what is read afterwards.
        self._zero(offset, length, 0)

    def _zero(self, offset: int, length: int, flags: int) -> None:
        self._check(offset, length)
        connection = self._shared.connection
        most = _MAX_ZERO if connection.can_zero else len(_ZEROES)
        end = offset + length
        while offset < end:
            step = min(most, end - offset)
            with self._shared.lock:
                if connection.can_zero:
                    connection.write_zeroes(offset, step, flags)
                else:
                    connection.write(offset, _ZEROES[:step])
            offset += step

    def flush(self) -> None:
        """Durable, for every connection to the export: clones have their own
        only where the server promises that."""
        with self._shared.lock:
            self._shared.connection.flush()

    def clone(self) -> NbdSink:
        """A connection of its own where a flush covers all of them; else it
        shares this one, and takes turns."""
        if self._shared.connection.can_multi:
            return NbdSink(self._address, tls=self._tls)
        with self._shared.lock:
            self._shared.users += 1
        return NbdSink(self._address, tls=self._tls, shared=self._shared)

    def close(self) -> None:
        """Leaves the connection; the last one of its users closes it."""
        if self._closed:
            return
        self._closed = True
        with self._shared.lock:
            self._shared.users -= 1
            if not self._shared.users:
                self._shared.connection.close()
