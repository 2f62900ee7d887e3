# SPDX-License-Identifier: Apache-2.0
"""How far a copy is, how fast it goes, and when it will end."""

from __future__ import annotations

import threading
import time
from collections import deque

from coriolis_ng.objects import Value
from coriolis_ng.transport.ratelimit import Clock


class Progress(Value):
    """One look at a copy; all in bytes.

    ``done`` of ``total`` counts the extents that need no more work, ``read``
    what came from the source, ``sent`` the payload on the wire.
    """

    done: int = 0
    total: int = 0
    read: int = 0
    sent: int = 0
    mb_per_second: float | None = None
    eta_seconds: float | None = None


class Meter:
    """Counts for one disk; ``look`` gives a windowed rate and an ETA."""

    def __init__(
        self,
        total: int = 0,
        *,
        window_seconds: float = 15.0,
        clock: Clock = time,
    ) -> None:
        self._window = window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self.total = total
        self.done = self.read = self.sent = self.zeroed = 0
        self._seen: deque[tuple[float, int]] = deque()
        self._seen.append((clock.monotonic(), 0))

    def add(
        self, *, done: int = 0, read: int = 0, sent: int = 0, zeroed: int = 0
    ) -> None:
        """Counts bytes more of each; may be called by any thread."""
        with self._lock:
            self.done += done
            self.read += read
            self.sent += sent
            self.zeroed += zeroed

    def look(self) -> Progress:
        """How it stands now; rate and ETA are of the window, None before
        anything was done."""
        now = self._clock.monotonic()
        with self._lock:
            self._seen.append((now, self.done))
            while len(self._seen) > 2 and now - self._seen[0][0] > (
                self._window
            ):
                self._seen.popleft()
            then, before = self._seen[0]
            rate = (self.done - before) / (now - then) if now > then else 0
            left = self.total - self.done
            return Progress(
                done=self.done,
                total=self.total,
                read=self.read,
                sent=self.sent,
                mb_per_second=rate / 1e6 if rate else None,
                eta_seconds=left / rate if rate else None,
            )


def combine(parts: list[Progress]) -> Progress:
    """Several disks as one; it ends when the slowest sum is through."""
    rates = [p.mb_per_second for p in parts if p.mb_per_second]
    rate = sum(rates)
    done = sum(p.done for p in parts)
    total = sum(p.total for p in parts)
    return Progress(
        done=done,
        total=total,
        read=sum(p.read for p in parts),
        sent=sum(p.sent for p in parts),
        mb_per_second=rate or None,
        eta_seconds=(total - done) / (rate * 1e6) if rate else None,
    )
