# SPDX-License-Identifier: Apache-2.0
"""Who says what a project may use: this service's configuration, or
Keystone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from coriolis_ng.objects.quota import UNLIMITED, QuotaResource

LimitsByResource = Mapping[QuotaResource, int]


class Limits(Protocol):
    """``ask`` may go over the network, so it is called before a transaction
    begins; ``local`` says whether rows of projects override what it gives."""

    local: bool

    def ask(self, project_id: str) -> LimitsByResource: ...


class LocalLimits:
    """The configuration's limits for all projects; -1 is none."""

    local = True

    def __init__(self, defaults: LimitsByResource | None = None) -> None:
        self._defaults = {one: UNLIMITED for one in QuotaResource}
        self._defaults |= dict(defaults or {})

    def ask(self, project_id: str) -> LimitsByResource:
        """The same for everybody."""
        return self._defaults


class KeystoneLimits:
    """Keystone's unified limits. ``fetch`` is ``get_project_limits`` of an
    oslo.limit enforcer; answers are kept for ``keep_seconds``."""

    local = False

    def __init__(
        self,
        fetch: Callable[[str, Sequence[str]], Sequence[tuple[str, int]]],
        keep_seconds: float = 30,
    ) -> None:
        self._fetch = fetch
        self._keep_seconds = keep_seconds
        self._kept: dict[str, tuple[float, LimitsByResource]] = {}
        self._lock = threading.Lock()

    def ask(self, project_id: str) -> LimitsByResource:
        """What is registered for the project; 0 where nothing is."""
        with self._lock:
            until, known = self._kept.get(project_id, (0.0, {}))
        if time.monotonic() < until:
            return known
        names = [one.value for one in QuotaResource]
        found = dict(self._fetch(project_id, names))
        limits = {one: found.get(one.value, 0) for one in QuotaResource}
        with self._lock:
            if len(self._kept) > 10_000:
                self._kept.clear()
            end = time.monotonic() + self._keep_seconds
            self._kept[project_id] = (end, limits)
        return limits
