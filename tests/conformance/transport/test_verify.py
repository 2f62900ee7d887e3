# SPDX-License-Identifier: Apache-2.0
"""Digests of whole disks, and reading back what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng.errors import CorruptData
from coriolis_ng.transport import (
    AgentSink,
    Certificates,
    Extent,
    FileReader,
    copy,
)
from coriolis_ng.transport.digest import tree_at, tree_of, verify, whole
from coriolis_ng.transport.testing import SIZE
from tests.conformance.transport.servers import HOST, agent
from tests.unit.transport.faults import Faults, FaultyReader, FaultySink

MIB = 1 << 20
ALL = [Extent(start=0, length=SIZE)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / 'target.raw'
    path.write_bytes(bytes(SIZE))
    return path


@pytest.fixture
def sink(
    target: Path, tmp_path: Path, certificates: Certificates
) -> Iterator[AgentSink]:
    with agent(tmp_path, {'vda': target}, certificates) as server:
        made = AgentSink(
            HOST,
            server.port,
            'vda',
            context=certificates.client_context(),
            attempt=1,
        )
        yield made
        made.close()


def flip(path: Path, position: int) -> None:
    with path.open('r+b') as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def test_whole_is_what_sha256sum_prints(disk: Path) -> None:
    expected = hashlib.sha256(disk.read_bytes()).hexdigest()
    assert whole(FileReader(disk)) == expected


def test_a_copy_is_verified_by_reading_back(
    disk: Path, target: Path, sink: AgentSink
) -> None:
    reader = FileReader(disk)
    copied = copy(reader, sink, reader.extents(None))
    assert copied.bytes_changed == SIZE
    assert target.read_bytes() == disk.read_bytes()
    assert verify(reader, sink, reader.extents(None)) == SIZE
    assert tree_at(sink, SIZE, segment=MIB) == tree_of(reader, segment=MIB)
    assert tree_at(sink, SIZE).root == tree_of(reader).root


@pytest.mark.parametrize('position', [0, 3 * MIB + 7, SIZE - 1])
def test_a_flipped_bit_is_found(
    disk: Path, target: Path, sink: AgentSink, position: int
) -> None:
    reader = FileReader(disk)
    copy(reader, sink, reader.extents(None))
    flip(target, position)
    with pytest.raises(CorruptData):
        verify(reader, sink, ALL)
    untouched = [Extent(start=5 * MIB, length=MIB)]
    assert verify(reader, sink, untouched) == MIB


def test_trees_name_the_segment_that_differs(disk: Path, target: Path) -> None:
    copy(FileReader(disk), FaultySink(target, Faults()), ALL)
    mine = tree_of(FileReader(disk), segment=MIB)
    assert mine == tree_of(FaultyReader(target, Faults()), segment=MIB)
    flip(target, 6 * MIB)
    theirs = tree_of(FileReader(target), segment=MIB)
    assert mine.differing(theirs) == [6]
    assert mine.root != theirs.root
    with pytest.raises(ValueError, match='shapes'):
        mine.differing(tree_of(FileReader(target), segment=2 * MIB))
