# SPDX-License-Identifier: Apache-2.0
"""A limit of bytes per second that several streams share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Time as the transport sees it; the module ``time`` is one."""

    def monotonic(self) -> float:
        """Seconds from any fixed moment; never fewer than before."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Return after that many seconds."""
        ...


class RateLimit:
    """A token bucket that may go into debt.

    A request larger than the bucket is let through when the bucket is full
    enough and the debt is paid by those who come after, so requests need no
    splitting.  ``change`` takes effect for everybody within a nap.  A rate
    of None is no limit.
    """

    NAP = 0.25

    def __init__(
        self,
        bytes_per_second: float | None,
        *,
        burst_seconds: float = 0.1,
        clock: Clock = time,
    ) -> None:
        self._rate = bytes_per_second
        self._burst_seconds = burst_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = 0.0
        self._at = clock.monotonic()

    @property
    def rate(self) -> float | None:
        """Bytes per second; None is no limit."""
        return self._rate

    def change(self, bytes_per_second: float | None) -> None:
        """Use another limit from now on."""
        with self._lock:
            self._refill()
            self._rate = bytes_per_second

    def give_back(self, count: int) -> None:
        """So many of the bytes that were taken did not travel after all."""
        with self._lock:
            if self._rate is not None:
                self._tokens += count

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if self._rate is None:
            self._tokens, self._at = 0.0, now
            return
        most = self._rate * self._burst_seconds
        gained = (now - self._at) * self._rate
        self._tokens = min(most, self._tokens + gained)
        self._at = now

    def take(
        self, count: int, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until ``count`` bytes may go, or ``stopped()`` says to."""
        while not stopped():
            with self._lock:
                self._refill()
                if self._rate is None:
                    return
                if self._tokens >= 0:
                    self._tokens -= count
                    return
                wait = -self._tokens / self._rate
            # A wait below the clock's resolution would not move it at all.
            self._clock.sleep(min(max(wait, 0.001), self.NAP))
