# SPDX-License-Identifier: Apache-2.0
"""Reads a disk that an NBD server exports: qemu, nbdkit, a hypervisor."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from coriolis_ng.transport import errors
from coriolis_ng.transport.extents import Extent, Kind, intersect, join
from coriolis_ng.transport.nbd import ALLOCATION, NbdAddress, NbdConnection

BITMAP = 'qemu:dirty-bitmap:'
_HOLE, _ZERO, _DIRTY = 1, 2, 1
# A multiple of every block size, and below the protocol's 4 GiB.
_WINDOW = 2 << 30


class NbdReader:
    """An export; ``since`` of :meth:`extents` names a dirty bitmap.

    ``address`` is a :class:`NbdAddress` or its URI.  ``part`` is the size of
    the requests into which a read is split and which are in flight together.
    A connection is made on first use, so a clone costs nothing until then.
    """

    def __init__(
        self,
        address: NbdAddress | str,
        *,
        bitmap: str | None = None,
        tls: ssl.SSLContext | None = None,
        part: int = 256 << 10,
        size: int | None = None,
        timeout_seconds: float = 120.0,
    ) -> None:
        if isinstance(address, str):
            address = NbdAddress.parse(address)
        self._address = address
        self._bitmap = bitmap
        self._tls = tls
        self._part = part
        self._timeout = timeout_seconds
        self._open: NbdConnection | None = None
        self.size = self._connect().size if size is None else size

    def _connect(self) -> NbdConnection:
        contexts = [ALLOCATION]
        if self._bitmap is not None:
            contexts.append(BITMAP + self._bitmap)
        self._open = NbdConnection(
            self._address,
            tuple(contexts),
            tls=self._tls,
            timeout_seconds=self._timeout,
        )
        return self._open

    def _connection(self) -> NbdConnection:
        if self._open is None and self._connect().size != self.size:
            self.close()
            raise errors.TransportError(
                'The source disk is not the one that was opened.',
                detail=f'size is not {self.size}, {self._address}',
            )
        assert self._open is not None
        return self._open

    def extents(self, since: str | None) -> Iterator[Extent]:
        """All of the disk, or what the dirty bitmap ``since`` marks.

        Kinds come from ``base:allocation``: ZERO flag without HOLE flag is
        ZERO, both are HOLE, and a HOLE flag alone says nothing about what is
        read there, so it is DATA.  Without that context all is DATA.
        """
        if since is None:
            return join(self._allocation())
        return join(intersect(self._changed(since), self._allocation()))

    def _allocation(self) -> Iterator[Extent]:
        if ALLOCATION not in self._connection().found:
            if self.size:
                yield Extent(start=0, length=self.size)
            return
        for start, length, flags in self._status(ALLOCATION):
            kind = Kind.DATA
            if flags & _ZERO:
                kind = Kind.HOLE if flags & _HOLE else Kind.ZERO
            yield Extent(start=start, length=length, kind=kind)

    def _changed(self, since: str) -> Iterator[Extent]:
        if since != self._bitmap:
            # The contexts are fixed when a connection is negotiated.
            self.close()
            self._bitmap = since
        context = BITMAP + since
        if context not in self._connection().found:
            raise errors.NoChangeTracking(
                'The source does not know any more what changed.',
                detail=f'no context {context} at {self._address}',
            )
        changed = (
            Extent(start=start, length=length)
            for start, length, flags in self._status(context)
            if flags & _DIRTY
        )
        # Asked for to the end before the allocation is: both use one
        # connection, and joined it is small.
        return iter(list(join(changed)))

    def _status(self, context: str) -> Iterator[tuple[int, int, int]]:
        offset = 0
        while offset < self.size:
            window = min(_WINDOW, self.size - offset)
            found = self._connection().block_status(offset, window, context)
            if not found or not found[0][0]:
                raise errors.TransportError(
                    'The source could not tell what is allocated.',
                    detail=f'empty status at {offset} of {self._address}',
                )
            for told, flags in found:
                # The last one may reach further than was asked for.
                length = min(told, self.size - offset)
                if length:
                    yield offset, length, flags
                offset += length

    def readinto(self, offset: int, view: memoryview) -> None:
        """Fill ``view`` by several requests in flight; ``ShortRead`` past the
        end, ``NbdError`` and ``ConnectionLost`` of the connection."""
        if offset + len(view) > self.size:
            raise errors.ShortRead(
                'The source ended too early.',
                detail=f'{len(view)} at {offset} of {self.size}',
            )
        self._connection().readinto(offset, view, self._part)

    def clone(self) -> NbdReader:
        """One that opens a connection of its own on first use."""
        return NbdReader(
            self._address,
            bitmap=self._bitmap,
            tls=self._tls,
            part=self._part,
            size=self.size,
            timeout_seconds=self._timeout,
        )

    def close(self) -> None:
        """Closes the connection; the next read opens another."""
        if self._open is not None:
            self._open.close()
            self._open = None
