# SPDX-License-Identifier: Apache-2.0
"""What one attempt adds to the metrics of its worker."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from coriolis_ng import metrics
from coriolis_ng.objects.task import Progress
from coriolis_ng.rpc.wire import Result

_FIGURES = ('changed', 'read', 'sent', 'written')


class Moved:
    """Counts from its making to :meth:`ended`."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._begun = time.monotonic()
        self._done: dict[str, int] = {}

    def tell(self, progress: Iterable[Progress]) -> None:
        """What was not told before; a task never goes back."""
        for one in progress:
            more = one.done - self._done.get(one.item, 0)
            if one.unit == 'bytes' and more > 0:
                self._done[one.item] = one.done
                metrics.PROGRESS_BYTES.labels(self._task).inc(more)

    def ended(self, result: Result, *, stale: bool) -> None:
        """How it ended; ``stale``: what it did counts for nothing."""
        outcome = 'lost' if stale else result.state
        seconds = time.monotonic() - self._begun
        metrics.TASK_SECONDS.labels(self._task, outcome).observe(seconds)
        for figures in _copied(result.output.get('copied')):
            for name in _FIGURES:
                count = figures.get(name)
                if isinstance(count, int) and count > 0:
                    metrics.COPIED_BYTES.labels(name).inc(count)


def _copied(output: Any) -> list[dict[str, Any]]:
    """The figures of each disk, whatever task gave them."""
    if not isinstance(output, list | tuple):
        return []
    return [one for one in output if isinstance(one, dict)]
