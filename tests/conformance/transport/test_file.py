# SPDX-License-Identifier: Apache-2.0
"""Files of this machine as reader and as sink."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng.transport import FileReader, FileSink, Kind
from coriolis_ng.transport.extents import total
from coriolis_ng.transport.testing import ReaderConformance, SinkConformance


class TestFileReader(ReaderConformance):
    @pytest.fixture
    def reader(self, disk: Path) -> Iterator[FileReader]:
        reader = FileReader(disk)
        yield reader
        reader.close()

    def test_holes_are_seen(self, reader: FileReader) -> None:
        assert total(reader.extents(None), Kind.HOLE) > 4 << 20


class TestFileSink(SinkConformance):
    @pytest.fixture
    def sink(self, disk: Path) -> Iterator[FileSink]:
        sink = FileSink(disk)
        yield sink
        sink.close()

    def test_discard_gives_space_back(
        self, disk: Path, sink: FileSink
    ) -> None:
        sink.write(0, memoryview(b'x' * (4 << 20)))
        sink.flush()
        before = disk.stat().st_blocks
        sink.discard(0, 4 << 20)
        sink.flush()
        assert disk.stat().st_blocks <= before - (3 << 20) // 512
