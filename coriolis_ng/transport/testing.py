# SPDX-License-Identifier: Apache-2.0
"""What every Reader and every Sink must do, as test classes to mix in.

A new plugin derives a class named ``Test...`` and gives it the fixtures
``disk`` (a file of this machine whose bytes the plugin serves) and ``reader``
or ``sink``.  Needs pytest, so nothing but tests imports this module.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from coriolis_ng.transport.contracts import Reader, Sink
from coriolis_ng.transport.extents import Kind

SIZE = (8 << 20) + 4096
DATA = ((0, 70_000), (1 << 20, 1 << 20), (5 << 20, 4096), (SIZE - 512, 512))
SPANS = (
    (0, 1),
    (0, 512),
    (511, 2),
    (4095, 4098),
    (65_536, 1 << 20),
    ((1 << 20) + 3, 300_001),
    (0, 3 << 20),
    (SIZE - 1, 1),
    (SIZE - 4096, 4096),
)


def make_disk(path: Path, seed: int = 1) -> bytes:
    """A sparse disk with some data at ``path``; answers its bytes."""
    noise = random.Random(seed)  # noqa: S311 - test data
    with path.open('wb') as file:
        file.truncate(SIZE)
        for start, length in DATA:
            file.seek(start)
            file.write(noise.randbytes(length))
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()


class ReaderConformance:
    """Fixtures: ``disk`` made by :func:`make_disk`, ``reader`` of it."""

    def test_size(self, disk: Path, reader: Reader) -> None:
        """``size`` is that of the content."""
        assert reader.size == disk.stat().st_size

    def test_readinto_fills_all(self, disk: Path, reader: Reader) -> None:
        """Any offset and length within the disk, whole."""
        content = disk.read_bytes()
        for start, length in SPANS:
            view = memoryview(bytearray(b'\xaa' * length))
            reader.readinto(start, view)
            same = view == content[start : start + length]
            assert same, (start, length)

    def test_readinto_past_the_end_raises(self, reader: Reader) -> None:
        """Never a part without an error."""
        view = memoryview(bytearray(1024))
        with pytest.raises(Exception, match=r'.'):
            reader.readinto(reader.size - 512, view)
        # It is still of use afterwards.
        reader.readinto(0, view)

    def test_extents_cover_the_disk(self, reader: Reader) -> None:
        """A full list begins at 0, has no gap and ends at ``size``."""
        at = 0
        for extent in reader.extents(None):
            assert extent.start == at
            assert extent.length > 0
            at = extent.end
        assert at == reader.size

    def test_what_is_no_data_reads_as_zero(
        self, disk: Path, reader: Reader
    ) -> None:
        """ZERO and HOLE may be trusted."""
        content = disk.read_bytes()
        for extent in reader.extents(None):
            if extent.kind is not Kind.DATA:
                part = content[extent.start : extent.end]
                assert not any(part), extent

    def test_unknown_point_is_refused(self, reader: Reader) -> None:
        """``NoChangeTracking``, never a guess."""
        with pytest.raises(Exception, match=r'.'):
            list(reader.extents('no-such-point'))

    def test_clone_is_independent(self, disk: Path, reader: Reader) -> None:
        """Two threads may read at the same time."""
        other = reader.clone()
        view = memoryview(bytearray(4096))
        reader.readinto(1 << 20, view)
        other.close()
        other.close()
        reader.readinto(0, view)
        assert bytes(view) == disk.read_bytes()[:4096]
        assert reader.clone().size == reader.size

    def test_clone_of_a_closed_one_works(
        self, disk: Path, reader: Reader
    ) -> None:
        """So that a lost connection can be replaced."""
        reader.close()
        other = reader.clone()
        view = memoryview(bytearray(512))
        other.readinto(0, view)
        other.close()
        assert bytes(view) == disk.read_bytes()[:512]

    def test_is_a_reader(self, reader: Reader) -> None:
        """It has the methods of the protocol."""
        assert isinstance(reader, Reader)


class SinkConformance:
    """Fixtures: ``disk`` made by :func:`make_disk`, ``sink`` onto it.

    ``content`` reads the disk; override it where a flush does not make the
    bytes visible in the file at once.
    """

    def content(self, disk: Path) -> bytes:
        """What a reader that was opened now finds on the disk."""
        return disk.read_bytes()

    def test_size(self, disk: Path, sink: Sink) -> None:
        """``size`` is that of the disk."""
        assert sink.size == disk.stat().st_size

    def test_write(self, disk: Path, sink: Sink) -> None:
        """What was written is read back, and nothing beside it changed."""
        expected = bytearray(self.content(disk))
        for start, length in SPANS:
            data = random.Random(length).randbytes(length)  # noqa: S311
            expected[start : start + length] = data
            sink.write(start, memoryview(data))
            sink.flush()
            same = self.content(disk) == expected
            assert same, (start, length)

    @pytest.mark.parametrize('what', ['zero', 'discard'])
    def test_empty(self, disk: Path, sink: Sink, what: str) -> None:
        """Zeroed and discarded ranges read as zero."""
        for start, length in SPANS:
            sink.write(0, memoryview(b'\x55' * sink.size))
            expected = bytearray(b'\x55' * sink.size)
            expected[start : start + length] = bytes(length)
            getattr(sink, what)(start, length)
            sink.flush()
            same = self.content(disk) == expected
            assert same, (start, length)

    def test_repeated_write_is_harmless(self, disk: Path, sink: Sink) -> None:
        """A request whose answer was lost may be sent again."""
        data = memoryview(b'again' * 1000)
        sink.write(7, data)
        sink.write(7, data)
        sink.flush()
        assert self.content(disk)[7 : 7 + len(data)] == bytes(data)

    @pytest.mark.parametrize('what', ['write', 'zero', 'discard'])
    def test_outside_of_the_disk_is_refused(
        self, disk: Path, sink: Sink, what: str
    ) -> None:
        """With an error, and without a change."""
        before = self.content(disk)
        with pytest.raises(Exception, match=r'.'):
            if what == 'write':
                sink.write(sink.size - 10, memoryview(bytes(20)))
            else:
                getattr(sink, what)(sink.size - 10, 20)
        sink.flush()
        assert self.content(disk) == before

    def test_flush_covers_clones(self, disk: Path, sink: Sink) -> None:
        """One flush for all streams."""
        other = sink.clone()
        other.write(4096, memoryview(b'from a clone'))
        sink.flush()
        assert self.content(disk)[4096:4108] == b'from a clone'
        other.close()
        other.close()
        sink.write(0, memoryview(b'still open'))
        sink.flush()
        assert self.content(disk)[:10] == b'still open'

    def test_is_a_sink(self, sink: Sink) -> None:
        """It has the methods of the protocol."""
        assert isinstance(sink, Sink)
