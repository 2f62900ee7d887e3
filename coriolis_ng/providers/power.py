# SPDX-License-Identifier: Apache-2.0
"""Waits for machines that were asked to shut down: a guest takes its time,
and whoever asked may be gone by then."""

from __future__ import annotations

import time
from collections.abc import Callable

from coriolis_ng.providers.base import Watch

POLL_SECONDS = 0.5


def until_off(
    runs: Callable[[], bool], *, watch: Watch, grace_seconds: float
) -> bool:
    """Whether the machine is off within the grace; ``Canceled`` when the
    task is asked to stop before."""
    until = time.monotonic() + grace_seconds
    while runs():
        if time.monotonic() >= until:
            return False
        watch.stop_if_asked()
        time.sleep(POLL_SECONDS)
    return True
