# SPDX-License-Identifier: Apache-2.0
"""Says once that something is away and once that it is back: whoever tries
again every second must not fill the log meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable


class Outage:
    """Of one thing, such as ``The database``; safe between threads. It is
    told when it has lasted for ``patience`` seconds."""

    def __init__(
        self,
        what: str,
        log: logging.Logger,
        *,
        patience: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._log = log
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._told = False

    def begin(self, why: object, waited: float = 0) -> None:
        """It was tried in vain, which took ``waited`` seconds."""
        now = self._clock()
        with self._lock:
            if self._since is None:
                self._since = now - waited
            if self._told or now - self._since < self._patience:
                return
            self._told = True
        self._log.error('%s is away: %s', self._what, why)

    def end(self) -> None:
        """It was tried with success."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
            told, self._told = self._told, False
        if told and since is not None:
            seconds = self._clock() - since
            self._log.warning('%s is back after %.0f s', self._what, seconds)
