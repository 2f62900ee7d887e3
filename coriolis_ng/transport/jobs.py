# SPDX-License-Identifier: Apache-2.0
"""What is to be copied, cut into jobs on the grid of a journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from coriolis_ng.transport.extents import Extent, Kind, join, split

# Large zero requests have led to SCSI timeouts of targets that write them
# out; a GiB at a time costs nothing where they are cheap.
MAX_ZERO = 1 << 30


@dataclasses.dataclass(frozen=True)
class Job:
    """Segments ``[first, last]`` of the grid, and what to do in them."""

    first: int
    last: int
    extents: list[Extent]

    @property
    def bytes(self) -> int:
        """How much there is to do, empty extents included."""
        return sum(extent.length for extent in self.extents)


def jobs_of(
    extents: Iterable[Extent], size: int, segment: int
) -> Iterator[Job]:
    """Extents as jobs: one for each segment, or for a run of empty ones.

    Segments that one ZERO or HOLE fills go together up to 1 GiB.
    """
    held: Job | None = None
    for piece in _pieces(join(extents), size, segment):
        first = piece.start // segment
        last = (piece.end - 1) // segment
        if held and first == held.first == last:
            held.extents.append(piece)
            continue
        if held:
            yield held
        held = Job(first, last, [piece])
    if held:
        yield held


def _pieces(
    extents: Iterable[Extent], size: int, segment: int
) -> Iterator[Extent]:
    """Cut at segments, but whole empty segments only at each 1 GiB of them."""
    most = max(1, MAX_ZERO // segment) * segment
    for extent in extents:
        first = -(-extent.start // segment) * segment
        stop = extent.end // segment * segment
        if extent.end == size:
            stop = size
        if extent.kind is Kind.DATA or first >= stop:
            yield from split([extent], segment)
            continue
        kind = extent.kind
        if extent.start < first:
            length = first - extent.start
            yield Extent(start=extent.start, length=length, kind=kind)
        for start in range(first, stop, most):
            length = min(most, stop - start)
            yield Extent(start=start, length=length, kind=kind)
        if stop < extent.end:
            yield Extent(start=stop, length=extent.end - stop, kind=kind)
