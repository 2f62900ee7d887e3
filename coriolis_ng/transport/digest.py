# SPDX-License-Identifier: Apache-2.0
"""Digests of chunks, of segments and of whole disks.

SHA-256 is the default: with the SHA instructions that current processors
have it ran at 1,130 MB/s where blake2b made 380 and crc32 1,540 (one thread,
loaded machine), every Python since 3.6 has it, and it is the digest that
people compare by hand.  BLAKE2b stays selectable for processors without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from coriolis_ng import errors
from coriolis_ng.objects import Value
from coriolis_ng.transport.contracts import Reader, VerifyingSink
from coriolis_ng.transport.extents import Extent, Kind, join, split

MIB = 1 << 20
SEGMENT = 128 * MIB


def _blake2b() -> Any:
    return hashlib.blake2b(digest_size=32)


ALGORITHMS: dict[str, Callable[[], Any]] = {
    'sha-256': hashlib.sha256,
    'blake2b-256': _blake2b,
}
DEFAULT = 'sha-256'


def digest(data: bytes | memoryview, algorithm: str = DEFAULT) -> bytes:
    """The digest of one chunk."""
    state = ALGORITHMS[algorithm]()
    state.update(data)
    return bytes(state.digest())


class Tree(Value):
    """Digests of the segments of one disk, and one digest over them.

    ``leaves[i]`` is the digest of bytes ``[i * segment, (i + 1) * segment)``,
    the last one shorter; small enough to be kept (256 KiB for a TiB).
    """

    size: int
    segment: int
    algorithm: str
    leaves: list[bytes]

    @property
    def root(self) -> str:
        """One digest of the whole disk, in hexadecimal: that of all leaves,
        one after the other."""
        joined = b''.join(self.leaves)
        return digest(joined, self.algorithm).hex()

    def differing(self, other: Tree) -> list[int]:
        """Numbers of the segments that are not the same in both."""
        if (self.size, self.segment, self.algorithm) != (
            other.size,
            other.segment,
            other.algorithm,
        ):
            raise ValueError('trees of different shapes cannot be compared')
        pairs = zip(self.leaves, other.leaves, strict=True)
        return [i for i, (a, b) in enumerate(pairs) if a != b]


def _update(
    reader: Reader, start: int, length: int, states: list[Any]
) -> None:
    """Feed a range of the disk to hash states, in 1 MiB reads."""
    buffer = memoryview(bytearray(min(MIB, max(length, 1))))
    end = start + length
    while start < end:
        view = buffer[: min(MIB, end - start)]
        reader.readinto(start, view)
        for state in states:
            state.update(view)
        start += len(view)


def tree_of(
    reader: Reader, *, segment: int = SEGMENT, algorithm: str = DEFAULT
) -> Tree:
    """The tree of a disk, read whole."""
    leaves = []
    for start in range(0, reader.size, segment):
        state = ALGORITHMS[algorithm]()
        _update(reader, start, min(segment, reader.size - start), [state])
        leaves.append(bytes(state.digest()))
    return Tree(
        size=reader.size, segment=segment, algorithm=algorithm, leaves=leaves
    )


def tree_at(sink: VerifyingSink, size: int, *, segment: int = SEGMENT) -> Tree:
    """The tree of the first ``size`` bytes, computed by the far side.

    Nothing but digests crosses the wire; equal roots mean equal disks.
    """
    return Tree(
        size=size,
        segment=segment,
        algorithm=sink.algorithm,
        leaves=digests_of(sink, 0, size, segment),
    )


def whole(reader: Reader) -> str:
    """SHA-256 of a whole disk in hexadecimal, as ``sha256sum`` prints it."""
    state = hashlib.sha256()
    _update(reader, 0, reader.size, [state])
    return state.hexdigest()


def digests_of(
    sink: VerifyingSink, start: int, length: int, block: int
) -> list[bytes]:
    """One digest for each block; ``CorruptData`` where the far side told of
    fewer or more: no block may be passed over without a word."""
    found = sink.digests(start, length, block)
    wanted = -(-length // block)
    if len(found) != wanted:
        raise errors.CorruptData(
            'The destination told of another number of blocks than it was '
            'asked for.',
            detail=f'{len(found)} digests, not {wanted}, at {start}',
        )
    return found


def verify(
    reader: Reader,
    sink: VerifyingSink,
    extents: Iterable[Extent],
    *,
    block: int = MIB,
) -> int:
    """Read back what was touched and compare it with the source.

    Answers how many bytes were compared; raises ``CorruptData`` naming the
    first block that differs.  Call it after ``flush``, while the snapshot
    still exists.
    """
    buffer = memoryview(bytearray(block))
    compared = 0
    touched = (
        Extent(start=e.start, length=e.length, kind=Kind.DATA) for e in extents
    )
    for piece in split(join(touched), 64 * block):
        theirs = digests_of(sink, piece.start, piece.length, block)
        for number, found in enumerate(theirs):
            start = piece.start + number * block
            view = buffer[: min(block, piece.end - start)]
            reader.readinto(start, view)
            if digest(view, sink.algorithm) != found:
                raise errors.CorruptData(
                    'The destination differs from the source.',
                    detail=f'{len(view)} bytes at {start}',
                )
            compared += len(view)
    return compared
