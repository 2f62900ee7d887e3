# SPDX-License-Identifier: Apache-2.0
"""A disk of a real agent process over mutual TLS as sink."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng.errors import CorruptData
from coriolis_ng.transport import AgentSink, Certificates
from coriolis_ng.transport.contracts import VerifyingSink
from coriolis_ng.transport.digest import digest
from coriolis_ng.transport.testing import SinkConformance
from tests.conformance.transport.servers import HOST, agent


class TestAgentSink(SinkConformance):
    compress = 'never'

    @pytest.fixture
    def sink(
        self, disk: Path, tmp_path: Path, certificates: Certificates
    ) -> Iterator[AgentSink]:
        with agent(tmp_path, {'vda': disk}, certificates) as server:
            sink = AgentSink(
                HOST,
                server.port,
                'vda',
                context=certificates.client_context(),
                attempt=1,
                compress=self.compress,
            )
            yield sink
            sink.close()

    def test_it_verifies(self, sink: AgentSink) -> None:
        assert isinstance(sink, VerifyingSink)

    def test_corrupt_data_is_not_written(
        self, disk: Path, sink: AgentSink
    ) -> None:
        before = disk.read_bytes()
        with pytest.raises(CorruptData):
            sink.write_verified(0, memoryview(b'bad!'), digest(b'good'))
        assert disk.read_bytes() == before

    def test_digests_are_of_what_is_there(
        self, disk: Path, sink: AgentSink
    ) -> None:
        content = disk.read_bytes()[4096 : 4096 + 100_000]
        found = sink.digests(4096, 100_000, 65536)
        assert found == [digest(content[:65536]), digest(content[65536:])]

    def test_read_back(self, disk: Path, sink: AgentSink) -> None:
        view = memoryview(bytearray(3 << 20))
        sink.readinto(5, view)
        assert view == disk.read_bytes()[5 : 5 + (3 << 20)]


class TestCompressingAgentSink(TestAgentSink):
    compress = 'always'

    def test_less_is_sent(self, sink: AgentSink) -> None:
        data = b'a line of text that repeats itself\n' * 10_000
        sent = sink.write_verified(0, memoryview(data), digest(data))
        assert 0 < sent < len(data) // 10
