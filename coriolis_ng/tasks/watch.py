# SPDX-License-Identifier: Apache-2.0
"""How a provider speaks to the platform from inside a task."""

from __future__ import annotations

from coriolis_ng.engine.task import Work
from coriolis_ng.objects.resource import ResourceKind, Side


class TaskWatch:
    """A ``providers.base.Watch`` over a task's ``Work``, for one side."""

    def __init__(self, work: Work, side: Side) -> None:
        self._work = work
        self._side = side
        self.tag = work.tag

    def record(self, kind: ResourceKind, id: str, parent: str = '') -> None:
        self._work.created(kind, id, self._side, parent)

    def note(self, text: str) -> None:
        self._work.note(text)

    def stop_if_asked(self) -> None:
        self._work.stop_if_asked()


def source(work: Work) -> TaskWatch:
    """The watch of what is made at the source."""
    return TaskWatch(work, Side.SOURCE)


def target(work: Work) -> TaskWatch:
    """The watch of what is made at the destination."""
    return TaskWatch(work, Side.TARGET)
