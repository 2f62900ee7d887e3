# SPDX-License-Identifier: Apache-2.0
"""Which segments of a disk are durable at the target.

A resumed attempt skips them.  A journal is bound to what it is a journal of:
the snapshot that is copied, the point since which changes are copied, and
the size; with any other it is refused, for then a skipped segment could be
one that was never written.
"""

from __future__ import annotations

import base64
import threading
import zlib

from coriolis_ng.objects import Value
from coriolis_ng.transport import errors
from coriolis_ng.transport.digest import SEGMENT
from coriolis_ng.transport.extents import Extent


class JournalValue(Value, kw_only=True):
    """A journal as it travels in a task's checkpoint.

    ``done`` is a bit for each segment (least significant first), deflated,
    in base64: at most 11 KiB for 8 TiB, and a few bytes when copied in order.
    """

    snapshot: str
    since: str | None = None
    size: int
    segment: int = SEGMENT
    done: str = ''


class Journal:
    """Grows while a disk is copied; safe to use from several threads."""

    def __init__(
        self,
        snapshot: str,
        size: int,
        *,
        since: str | None = None,
        segment: int = SEGMENT,
    ) -> None:
        self.snapshot = snapshot
        self.since = since
        self.size = size
        self.segment = segment
        self._bits = bytearray((self.count + 7) // 8)
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many segments the disk has."""
        return -(-self.size // self.segment)

    @classmethod
    def load(
        cls,
        value: JournalValue,
        snapshot: str,
        size: int,
        *,
        since: str | None = None,
    ) -> Journal:
        """The journal of an earlier attempt.

        Raises ``JournalMismatch`` unless it is of the same copy.
        """
        wanted = (snapshot, since, size)
        if (value.snapshot, value.since, value.size) != wanted:
            raise errors.JournalMismatch(
                'The copy journal belongs to another snapshot.',
                detail=f'journal {value.snapshot!r} since {value.since!r}'
                f' size {value.size}, wanted {wanted!r}',
            )
        journal = cls(snapshot, size, since=since, segment=value.segment)
        if value.done:
            try:
                bits = zlib.decompress(base64.b64decode(value.done))
            except (ValueError, zlib.error) as error:
                raise errors.JournalMismatch(
                    'The copy journal is damaged.', detail=str(error)
                ) from error
            if len(bits) != len(journal._bits):
                raise errors.JournalMismatch(
                    'The copy journal is damaged.',
                    detail=f'{len(bits)} bytes of bits for {journal.count}',
                )
            journal._bits[:] = bits
        return journal

    def value(self) -> JournalValue:
        """All of it as a value that can be kept, for ``load``; may be called
        while a copy runs."""
        with self._lock:
            bits = bytes(self._bits)
        done = base64.b64encode(zlib.compress(bits)).decode('ascii')
        return JournalValue(
            snapshot=self.snapshot,
            since=self.since,
            size=self.size,
            segment=self.segment,
            done=done if any(bits) else '',
        )

    def add(self, extent: Extent) -> None:
        """``extent`` is durable; segments only partly inside do not count."""
        first = -(-extent.start // self.segment)
        stop = extent.end // self.segment
        if extent.end >= self.size:
            stop = self.count
        with self._lock:
            for number in range(first, stop):
                self._bits[number >> 3] |= 1 << (number & 7)

    def has(self, number: int) -> bool:
        """Whether segment ``number`` needs no copying any more."""
        return bool(self._bits[number >> 3] >> (number & 7) & 1)

    def merge(self, other: Journal) -> None:
        """Take over what another journal of the same copy knows."""
        mine = (self.snapshot, self.since, self.size, self.segment)
        theirs = (other.snapshot, other.since, other.size, other.segment)
        if mine != theirs:
            raise errors.JournalMismatch(
                'Journals of different copies cannot be merged.',
                detail=f'{mine!r} and {theirs!r}',
            )
        with self._lock:
            for number, bits in enumerate(other._bits):
                self._bits[number] |= bits

    def inherit(self, value: JournalValue) -> None:
        """Take over what another snapshot's journal of the same disk knows.

        Then this is no journal of one copy any more, only a list of segments
        that are likely to hold the right bytes; see ``copy(likely=)``.  What
        is of another shape is not taken.
        """
        if (value.size, value.segment) != (self.size, self.segment):
            return
        since = value.since
        other = Journal.load(value, value.snapshot, value.size, since=since)
        with self._lock:
            for number, bits in enumerate(other._bits):
                self._bits[number] |= bits

    @property
    def durable(self) -> int:
        """Bytes of the disk that lie in durable segments."""
        full = sum(bin(byte).count('1') for byte in self._bits)
        last = self.count - 1
        if self.count and self.has(last):
            tail = self.size - last * self.segment
            return (full - 1) * self.segment + tail
        return full * self.segment
