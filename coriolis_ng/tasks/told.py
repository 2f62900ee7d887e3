# SPDX-License-Identifier: Apache-2.0
"""A reader that tells a task how far it is, and stops when it is asked."""

from __future__ import annotations

from collections.abc import Iterator

from coriolis_ng.engine.task import Work
from coriolis_ng.transport.contracts import Reader
from coriolis_ng.transport.extents import Extent


class Told:
    """For work on a whole disk that would be silent for long."""

    def __init__(self, reader: Reader, work: Work, item: str) -> None:
        self._reader = reader
        self._work = work
        self._item = item
        self.size = reader.size

    def extents(self, since: str | None) -> Iterator[Extent]:
        return self._reader.extents(since)

    def readinto(self, offset: int, view: memoryview) -> None:
        self._work.stop_if_asked()
        self._reader.readinto(offset, view)
        done = min(offset + len(view), self.size)
        self._work.progress(done, self.size, item=self._item)

    def clone(self) -> Reader:
        return Told(self._reader.clone(), self._work, self._item)

    def close(self) -> None:
        self._reader.close()
