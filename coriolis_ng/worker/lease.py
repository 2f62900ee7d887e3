# SPDX-License-Identifier: Apache-2.0
"""How long this worker may go on without hearing from a conductor."""

from __future__ import annotations

import time
from collections.abc import Callable


def boot_clock() -> float:
    """Seconds since the machine started; a suspended machine's clock goes
    on, because its leases end meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """The common lease of everything that the worker runs.

    It is counted from before the last acknowledged beat was *sent*, so that
    it always ends before the one that the database's clock knows.
    """

    def __init__(
        self, margin: float, clock: Callable[[], float] = boot_clock
    ) -> None:
        self._margin = margin
        self._clock = clock
        self._ends: float | None = None

    def now(self) -> float:
        """The time to hand to :meth:`renew`, taken before a beat."""
        return self._clock()

    def renew(self, sent_at: float, seconds: float) -> None:
        """A beat that was sent at ``sent_at`` was acknowledged."""
        # A lease that is shorter than the margin would never be held.
        margin = min(self._margin, seconds / 2)
        self._ends = sent_at + seconds - margin

    @property
    def held(self) -> bool:
        """False before the first beat and near the end of the lease."""
        return self._ends is not None and self._clock() < self._ends

    def give_up(self) -> None:
        """Nothing is held any more until the next acknowledged beat."""
        self._ends = None
