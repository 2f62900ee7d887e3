# SPDX-License-Identifier: Apache-2.0
"""The times and sizes of a worker."""

from __future__ import annotations

from coriolis_ng.objects import Value


class Options(Value):
    """All times are seconds.

    ``margin_seconds`` before the end of a lease that could not be renewed
    all children are stopped. ``stop_grace_seconds`` is how long a child may
    take to stop when asked; ``drain_seconds`` how long the running tasks
    may go on after the worker was told to end. ``query_slots`` questions
    are answered at once, each within ``query_seconds``; answers about what
    is in a cloud are kept for ``cache_seconds``.
    """

    release: str = ''
    beat_seconds: float = 5
    margin_seconds: float = 15
    stop_grace_seconds: float = 30
    drain_seconds: float = 60
    retry_seconds: float = 1
    query_seconds: float = 60
    query_slots: int = 8
    cache_seconds: float = 5
