# SPDX-License-Identifier: Apache-2.0
"""A reader that outlives its connection, around any other reader.

Reads are of a snapshot and positional, so repeating one is always right; how
often, and how long to wait, is decided here and not in each reader.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from coriolis_ng.transport import errors
from coriolis_ng.transport.contracts import Reader
from coriolis_ng.transport.extents import Extent
from coriolis_ng.transport.ratelimit import Clock


class RetryingReader:
    """Takes a fresh clone of ``reader`` when its connection is lost.

    The delay doubles from ``first_delay_seconds`` up to ten seconds.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        tries: int = 5,
        first_delay_seconds: float = 0.2,
        clock: Clock = time,
    ) -> None:
        self._reader = reader
        self._tries = tries
        self._first_delay = first_delay_seconds
        self._clock = clock
        self.size = reader.size

    def extents(self, since: str | None) -> Iterator[Extent]:
        """As the reader gives them, lost connections included."""
        # Not repeated: half of the answer is with the caller already.
        return self._reader.extents(since)

    def readinto(self, offset: int, view: memoryview) -> None:
        """Fill ``view``; raises the ``ConnectionLost`` of the last try, and
        everything else at once."""
        delay = self._first_delay
        for left in reversed(range(self._tries)):
            try:
                self._reader.readinto(offset, view)
            except errors.ConnectionLost:
                fresh = self._reader.clone()
                self._reader.close()
                self._reader = fresh
                if not left:
                    raise
            else:
                return
            self._clock.sleep(delay)
            delay = min(delay * 2, 10.0)

    def clone(self) -> RetryingReader:
        """Another stream with as many tries of its own."""
        return RetryingReader(
            self._reader.clone(),
            tries=self._tries,
            first_delay_seconds=self._first_delay,
            clock=self._clock,
        )

    def close(self) -> None:
        """Closes the reader that it has by now."""
        self._reader.close()
