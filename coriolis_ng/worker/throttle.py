# SPDX-License-Identifier: Apache-2.0
"""Divides what a worker may copy among the copies that it runs.

Copies are processes, and a bucket that several share would cost a lock
between them for each request: instead each has a share, and gets another
one when something begins, ends, or changes.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from coriolis_ng.objects.bandwidth import Bandwidth, shares


class Copying(Protocol):
    """A task that may move bytes; ``cap`` is what is left to it by limits
    that are not the worker's own."""

    @property
    def moves(self) -> bool: ...
    @property
    def cap(self) -> float | None: ...
    def limit_to(self, bytes_per_second: float | None) -> None: ...


def _utcnow() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Throttle:
    """May be called from any thread."""

    def __init__(
        self,
        limit: Callable[[], Bandwidth],
        now: Callable[[], datetime.datetime] = _utcnow,
    ) -> None:
        self._limit = limit
        self._now = now
        self._lock = threading.Lock()

    def divide(self, running: Sequence[Copying]) -> None:
        """Tells each copy its share. What one cannot use because of its cap
        the others get."""
        with self._lock:
            copies = [one for one in running if one.moves]
            if not copies:
                return
            limits = {
                f'cap {number}': one.cap
                for number, one in enumerate(copies)
                if one.cap is not None
            }
            own = self._limit().at(self._now())
            if own is not None:
                limits['worker'] = own
            links = [('worker', f'cap {n}') for n in range(len(copies))]
            for one, share in zip(copies, shares(links, limits), strict=True):
                one.limit_to(share)
