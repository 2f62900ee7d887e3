# SPDX-License-Identifier: Apache-2.0
"""Lets old events go, a few at a time."""

from __future__ import annotations

import time

from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as db

EVERY_SECONDS = 600
DAY_SECONDS = 86_400
RUNS_DAYS = 90


class Forgetter:
    """Called often, it works rarely."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._next = 0.0

    def forget(self) -> None:
        """Removes events that are older than ``events_days``, and what became
        of due times of schedules long ago."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_SECONDS
        age = self._parts.settings.events_days * DAY_SECONDS
        while self._parts.database.write(lambda s: db.events.forget(s, age)):
            pass
        self._parts.database.write(
            lambda s: db.schedules.forget_runs(s, RUNS_DAYS)
        )
