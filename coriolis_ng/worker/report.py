# SPDX-License-Identifier: Apache-2.0
"""What a task has said that the conductor does not have yet."""

from __future__ import annotations

import datetime
import threading
from typing import Any

from coriolis_ng.objects.task import Level, Note, Progress
from coriolis_ng.rpc.wire import TaskBeat

MOST_NOTES = 1000  # that wait for a beat; more are dropped


class Report:
    """Collects for beats; each thing is told until it is acknowledged, and
    may so be told twice. ``index`` of a note counts within the attempt.

    Only a checkpoint is an advance: what the next attempt must do again was
    none, or a copy that breaks off each time would be tried for ever.
    """

    def __init__(self, task_id: str, attempt: int) -> None:
        self._task_id = task_id
        self._attempt = attempt
        self._lock = threading.Lock()
        self._progress: dict[str, Progress] = {}
        self._known: dict[str, Progress] = {}
        self._notes: list[Note] = []
        self._noted = 0
        self._checkpoint: dict[str, Any] | None = None
        self._fresh = self._advanced = False

    @property
    def fresh(self) -> bool:
        """There is something that no beat was acknowledged for."""
        return self._fresh

    @property
    def settled(self) -> bool:
        """The conductor has the newest checkpoint."""
        with self._lock:
            return self._checkpoint is None

    def tell(self, progress: tuple[Progress, ...]) -> None:
        with self._lock:
            for one in progress:
                self._progress[one.item] = one
            self._fresh = True

    def save(self, checkpoint: dict[str, Any]) -> None:
        with self._lock:
            self._checkpoint = checkpoint
            self._fresh = self._advanced = True

    def note(self, text: str, level: Level) -> None:
        with self._lock:
            if len(self._notes) >= MOST_NOTES:
                return
            now = datetime.datetime.now(datetime.UTC)
            self._notes.append(
                Note(index=self._noted, at=now, text=text, level=level)
            )
            self._noted += 1
            self._fresh = True

    def beat(self) -> TaskBeat:
        """What is not acknowledged: of the progress the changed items."""
        with self._lock:
            return TaskBeat(
                task_id=self._task_id,
                attempt=self._attempt,
                progress=self._news(),
                notes=tuple(self._notes),
                checkpoint=self._checkpoint,
                advanced=self._advanced,
            )

    def acknowledged(self, told: TaskBeat) -> None:
        """The conductor has what ``beat`` gave."""
        with self._lock:
            last = told.notes[-1].index if told.notes else -1
            self._notes = [n for n in self._notes if n.index > last]
            if self._checkpoint is told.checkpoint:
                self._checkpoint = None
            self._known |= {one.item: one for one in told.progress}
            self._advanced = self._checkpoint is not None
            self._fresh = self._advanced or bool(self._news() or self._notes)

    def _news(self) -> tuple[Progress, ...]:
        return tuple(
            one
            for one in self._progress.values()
            if self._known.get(one.item) != one
        )
