# SPDX-License-Identifier: Apache-2.0
"""What the copy loop asks of a source and of a destination.

Everything is positional and complete by contract: there is no cursor, and a
call does all of its range or raises.  A clone is an independent stream that
one thread may use; the objects themselves are not shared between threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from coriolis_ng.transport.extents import Extent


@runtime_checkable
class Reader(Protocol):
    """A disk, as it was at one moment, to read from."""

    size: int
    """Bytes; constant while the reader is open."""

    def extents(self, since: str | None) -> Iterator[Extent]:
        """What is there (``since`` is None) or what changed since a point.

        In ascending order, without overlap, and without empty extents.  With
        None they cover the whole disk.  HOLE and ZERO read as zero.  Raises
        ``NoChangeTracking`` when the source does not know ``since``.
        """
        ...

    def readinto(self, offset: int, view: memoryview) -> None:
        """Fill all of ``view`` from ``offset``, or raise."""
        ...

    def clone(self) -> Reader:
        """Another stream on the same disk; works on a broken one too."""
        ...

    def close(self) -> None:
        """Give everything back; a second call does nothing."""
        ...


@runtime_checkable
class Sink(Protocol):
    """A disk to write to."""

    size: int

    def write(self, offset: int, view: memoryview) -> None:
        """Write all of ``view`` at ``offset``; repeating it is harmless."""
        ...

    def zero(self, offset: int, length: int) -> None:
        """The range reads as zero afterwards, and stays allocated if cheap."""
        ...

    def discard(self, offset: int, length: int) -> None:
        """The range reads as zero afterwards, and space is given back.

        Never a plain TRIM, after which a range may read as anything: where
        the backend cannot discard to zero it writes zeroes.
        """
        ...

    def flush(self) -> None:
        """What any clone was told it wrote before this call is durable."""
        ...

    def clone(self) -> Sink:
        """Another stream to the same disk, for another thread; ``flush`` on
        any of them covers all."""
        ...

    def close(self) -> None:
        """Give everything back without a flush; a second call does nothing."""
        ...


@runtime_checkable
class VerifyingSink(Sink, Protocol):
    """A sink whose far side checks a digest before it writes anything."""

    algorithm: str
    """One of ``transport.digest.ALGORITHMS``."""

    def write_verified(
        self, offset: int, view: memoryview, digest: bytes
    ) -> int:
        """Write; answers how many payload bytes crossed the wire.

        Raises ``CorruptData`` when the far side computed another digest.
        """
        ...

    def digests(self, offset: int, length: int, block: int) -> list[bytes]:
        """Digests of what the far side reads back, one each ``block``."""
        ...
