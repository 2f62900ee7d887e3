# SPDX-License-Identifier: Apache-2.0
"""The doubles of the other tests are real readers and sinks, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng.transport.readers.retrying import RetryingReader
from coriolis_ng.transport.testing import ReaderConformance, SinkConformance
from tests.unit.transport.faults import Faults, FaultyReader, FaultySink


class TestFaultyReader(ReaderConformance):
    @pytest.fixture
    def reader(self, disk: Path) -> Iterator[FaultyReader]:
        reader = FaultyReader(disk, Faults())
        yield reader
        reader.close()


class TestRetryingReader(ReaderConformance):
    @pytest.fixture
    def reader(self, disk: Path) -> Iterator[RetryingReader]:
        reader = RetryingReader(FaultyReader(disk, Faults()))
        yield reader
        reader.close()


class TestFaultySink(SinkConformance):
    @pytest.fixture
    def sink(self, disk: Path) -> Iterator[FaultySink]:
        sink = FaultySink(disk, Faults())
        yield sink
        sink.close()
