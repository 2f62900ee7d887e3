# SPDX-License-Identifier: Apache-2.0
"""Thins out progress, and works out the rate and the time that is left."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from coriolis_ng.objects.task import Progress

EVERY_SECONDS = 0.5  # between two reports of one item
WINDOW_SECONDS = 10.0  # over which the rate is measured


@dataclass
class _Item:
    seen: tuple[int, int] | None = None
    sent: tuple[int, int] | None = None
    sent_at: float = float('-inf')
    unit: str = 'bytes'
    points: collections.deque[tuple[float, int]] = field(
        default_factory=collections.deque
    )


class Meter:
    """Progress of a task by item; may be told by many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._items: dict[str, _Item] = {}

    def tell(
        self, item: str, done: int, total: int, unit: str
    ) -> Progress | None:
        """What to report now, or None: too soon, or nothing new."""
        now = self._clock()
        with self._lock:
            known = self._items.setdefault(item, _Item())
            known.unit = unit
            known.seen = (done, total)
            self._add_point(known, now, done)
            if known.seen == known.sent:
                return None
            ended = done >= total > 0
            if not ended and now - known.sent_at < EVERY_SECONDS:
                return None
            return self._report(item, known, now)

    def rest(self) -> tuple[Progress, ...]:
        """What was held back until now."""
        now = self._clock()
        with self._lock:
            return tuple(
                self._report(name, known, now)
                for name, known in self._items.items()
                if known.seen != known.sent
            )

    def _add_point(self, known: _Item, now: float, done: int) -> None:
        points = known.points
        if points and done < points[-1][1]:
            points.clear()  # it began again
        if not points or now - points[-1][0] >= EVERY_SECONDS / 2:
            points.append((now, done))
        while len(points) > 2 and now - points[1][0] >= WINDOW_SECONDS:
            points.popleft()

    def _report(self, item: str, known: _Item, now: float) -> Progress:
        assert known.seen is not None
        done, total = known.seen
        known.sent, known.sent_at = known.seen, now
        rate = eta = None
        began, first = known.points[0]
        if now - began >= EVERY_SECONDS:
            rate = (done - first) / (now - began)
            if rate > 0 and total:
                eta = max(0, total - done) / rate
        return Progress(
            item=item,
            done=done,
            total=total,
            unit=known.unit,
            rate=rate,
            eta_seconds=eta,
        )
