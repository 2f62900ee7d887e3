# SPDX-License-Identifier: Apache-2.0
"""Readers and sinks around files that fail when told to, and keep count.

Without faults they pass the conformance suites (tests/conformance).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from coriolis_ng.transport import Extent, FileReader, FileSink


class Faults:
    """Shared by an object and its clones; ``check`` may raise.

    ``plan`` maps the number of a call to what it raises; calls count from 1.
    """

    def __init__(self, plan: dict[int, Exception] | None = None) -> None:
        self.plan = plan or {}
        self.calls: list[tuple[str, int, int]] = []
        self.hook: Callable[[str, int], None] | None = None
        self._lock = threading.Lock()

    def check(self, what: str, offset: int = 0, length: int = 0) -> None:
        with self._lock:
            self.calls.append((what, offset, length))
            error = self.plan.pop(len(self.calls), None)
        if self.hook:
            self.hook(what, offset)
        if error:
            raise error

    def of(self, what: str) -> list[tuple[int, int]]:
        return [(o, n) for w, o, n in self.calls if w == what]


class FaultyReader:
    def __init__(self, path: Path, faults: Faults) -> None:
        self._path, self._faults = path, faults
        self._reader = FileReader(path)
        self.size = self._reader.size

    def extents(self, since: str | None) -> Iterator[Extent]:
        return self._reader.extents(since)

    def readinto(self, offset: int, view: memoryview) -> None:
        self._faults.check('read', offset, len(view))
        self._reader.readinto(offset, view)

    def clone(self) -> FaultyReader:
        return FaultyReader(self._path, self._faults)

    def close(self) -> None:
        self._reader.close()


class FaultySink:
    def __init__(self, path: Path, faults: Faults) -> None:
        self._path, self._faults = path, faults
        self._sink = FileSink(path)
        self.size = self._sink.size

    def write(self, offset: int, view: memoryview) -> None:
        self._faults.check('write', offset, len(view))
        self._sink.write(offset, view)

    def zero(self, offset: int, length: int) -> None:
        self._faults.check('zero', offset, length)
        self._sink.zero(offset, length)

    def discard(self, offset: int, length: int) -> None:
        self._faults.check('discard', offset, length)
        self._sink.discard(offset, length)

    def flush(self) -> None:
        self._faults.check('flush')
        self._sink.flush()

    def clone(self) -> FaultySink:
        return FaultySink(self._path, self._faults)

    def close(self) -> None:
        self._sink.close()
