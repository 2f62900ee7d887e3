# SPDX-License-Identifier: Apache-2.0
"""Executions of which a task has just ended: what comes together is looked
after together.

Whoever tells of a first one looks after it at once. Where a thread does it,
who tells goes on, and what has come meanwhile is the next round: so the more
there is to do, the less each costs. It is a matter of speed only: what is
forgotten when a process dies is found in the rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

Work = Callable[[Sequence[str]], object]
# Does it, and survives whatever it raises; the word is for the log.
Guard = Callable[[str, Callable[[], object]], None]

# What one round looks after, at most: a transaction has to end some time.
MOST = 50


class Moves:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, Work] = {}
        self._thread: threading.Thread | None = None
        self._ending = False

    def tell(self, execution_id: str, work: Work) -> None:
        """Has ``work`` done for it and others: by the thread, or now."""
        with self._changed:
            if self._thread is not None:
                self._waiting[execution_id] = work
                self._changed.notify()
                return
        work([execution_id])

    def start(self, guard: Guard) -> None:
        """From now on a thread does it."""
        with self._changed:
            self._ending = False
            self._thread = threading.Thread(
                target=self._go, args=(guard,), name='moves', daemon=True
            )
        self._thread.start()

    def stop(self) -> None:
        """Returns when all that was told is done."""
        with self._changed:
            thread, self._ending = self._thread, True
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _go(self, guard: Guard) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending)
                if not self._waiting:
                    self._thread = None
                    return
                ids = [*self._waiting][:MOST]
                works = [self._waiting.pop(id) for id in ids]
            guard('what has moved', lambda: works[0](ids))  # noqa: B023
