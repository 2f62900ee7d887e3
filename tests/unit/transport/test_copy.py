# SPDX-License-Identifier: Apache-2.0
"""The copy loop: what it moves, in which order, and how it ends."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coriolis_ng import errors
from coriolis_ng.transport import (
    Extent,
    FileReader,
    FileSink,
    Journal,
    Kind,
    Progress,
    copy,
    digest,
)
from coriolis_ng.transport.copy import is_zero
from coriolis_ng.transport.errors import ConnectionLost
from coriolis_ng.transport.extents import total
from coriolis_ng.transport.jobs import Job, jobs_of
from coriolis_ng.transport.readers.retrying import RetryingReader
from tests.unit.transport.faults import Faults, FaultyReader, FaultySink
from tests.unit.transport.test_extents import drawn, some_extents

MIB = 1 << 20
SIZE = 20 * MIB + 777


class Lab:
    """A source with data, zeroes and holes, and a target of old noise."""

    def __init__(self, folder: Path) -> None:
        self.source, self.target = folder / 'source', folder / 'target'
        self.data = bytearray(SIZE)
        with self.source.open('wb') as file:
            file.truncate(SIZE)
            for start, length in (
                (0, 3 * MIB),
                (9 * MIB + 5, 70_000),
                (SIZE - 777, 777),
            ):
                noise = os.urandom(length)
                file.seek(start)
                file.write(noise)
                self.data[start : start + length] = noise
            # Allocated, but zero.
            file.seek(12 * MIB)
            file.write(bytes(2 * MIB))
        self.target.write_bytes(b'\x77' * SIZE)
        self.reads, self.writes = Faults(), Faults()

    @property
    def reader(self) -> FaultyReader:
        return FaultyReader(self.source, self.reads)

    @property
    def sink(self) -> FaultySink:
        return FaultySink(self.target, self.writes)

    def extents(self) -> list[Extent]:
        return list(self.reader.extents(None))

    def journal(self) -> Journal:
        return Journal('snap', SIZE, segment=4 * MIB)

    @property
    def same(self) -> bool:
        return self.target.read_bytes() == self.data


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.mark.parametrize('workers', [1, 2, 5])
@pytest.mark.parametrize('buffer', [MIB, 65_536])
def test_full_copy_onto_noise(lab: Lab, workers: int, buffer: int) -> None:
    extents = lab.extents()
    holes = total(extents, Kind.HOLE)
    assert holes > 10 * MIB
    copied = copy(
        lab.reader, lab.sink, extents, workers=workers, buffer=buffer
    )
    assert lab.same
    assert copied.bytes_changed == SIZE
    assert copied.bytes_read == SIZE - holes
    assert copied.bytes_zeroed >= holes + 2 * MIB
    assert copied.bytes_sent == SIZE - copied.bytes_zeroed
    assert copied.bytes_resumed == 0
    assert copied.seconds > 0


def test_a_target_that_is_zero_gets_data_only(lab: Lab) -> None:
    with lab.target.open('wb') as file:
        file.truncate(SIZE)
    copied = copy(lab.reader, lab.sink, lab.extents(), target_is_zero=True)
    assert lab.same
    assert copied.bytes_zeroed == 0
    assert not lab.writes.of('zero') + lab.writes.of('discard')
    assert lab.target.stat().st_blocks * 512 < 6 * MIB


def test_holes_are_discarded_and_zeroes_zeroed(lab: Lab) -> None:
    extents = [
        Extent(start=4 * MIB, length=MIB, kind=Kind.HOLE),
        Extent(start=5 * MIB, length=MIB, kind=Kind.ZERO),
        Extent(start=12 * MIB, length=MIB, kind=Kind.DATA),
    ]
    copied = copy(lab.reader, lab.sink, extents, workers=1)
    assert lab.writes.of('discard') == [(4 * MIB, MIB)]
    assert lab.writes.of('zero') == [(5 * MIB, MIB), (12 * MIB, MIB)]
    assert lab.writes.of('write') == []
    assert (copied.bytes_read, copied.bytes_zeroed) == (MIB, 3 * MIB)


def test_nothing_to_copy_still_flushes(lab: Lab) -> None:
    assert copy(lab.reader, lab.sink, []).bytes_changed == 0
    assert len(lab.writes.of('flush')) == 1


def test_requests_are_bounded(lab: Lab) -> None:
    copy(lab.reader, lab.sink, lab.extents(), buffer=100_000)
    assert max(length for _, length in lab.reads.of('read')) == 100_000


def test_done_comes_after_the_flush(lab: Lab) -> None:
    seen: list[tuple[Extent, int]] = []
    journal = lab.journal()

    def done(extent: Extent) -> None:
        assert journal.has(extent.start // journal.segment)
        seen.append((extent, len(lab.writes.of('flush'))))

    copy(lab.reader, lab.sink, lab.extents(), journal=journal, done=done)
    assert all(flushes == 1 for _, flushes in seen)
    assert total(extent for extent, _ in seen) == SIZE
    assert journal.durable == SIZE


def test_without_a_flush_nothing_is_done(lab: Lab) -> None:
    journal = lab.journal()
    lab.writes.hook = fail_flush
    with pytest.raises(OSError, match='no space'):
        copy(lab.reader, lab.sink, lab.extents(), journal=journal)
    assert journal.durable == 0


class TellingSink(FaultySink):
    """A file whose far side tells digests."""

    algorithm = 'sha-256'

    def write_verified(
        self, offset: int, view: memoryview, digest: bytes
    ) -> int:
        assert hashlib.sha256(view).digest() == digest
        self.write(offset, view)
        return len(view)

    def digests(self, offset: int, length: int, block: int) -> list[bytes]:
        end = offset + length
        data = self._path.read_bytes()
        return [
            hashlib.sha256(data[start : min(start + block, end)]).digest()
            for start in range(offset, end, block)
        ]

    def clone(self) -> TellingSink:
        return TellingSink(self._path, self._faults)


def test_what_is_likely_there_is_compared(lab: Lab) -> None:
    """Another moment of the disk was copied in part: what has not changed
    since is not sent again, and what has is."""
    whole = copy(lab.reader, lab.sink, lab.extents()).bytes_sent
    with lab.target.open('r+b') as file:
        file.seek(2 * MIB + 5)
        file.write(b'it was otherwise')
    likely = lab.journal()
    likely.add(Extent(start=0, length=8 * MIB))
    sink = TellingSink(lab.target, lab.writes)
    made = copy(
        lab.reader,
        sink,
        lab.extents(),
        journal=lab.journal(),
        likely=likely,
    )
    assert lab.same
    # Of three MiB in segments that were likely one differs. The rest of the
    # disk is sent as ever.
    assert made.bytes_sent == whole - 2 * MIB
    assert made.bytes_read > whole


def test_what_was_likely_but_is_not_so_is_sent(lab: Lab) -> None:
    whole = copy(lab.reader, lab.sink, lab.extents()).bytes_sent
    lab.target.write_bytes(b'\x77' * SIZE)
    likely = lab.journal()
    likely.add(Extent(start=0, length=SIZE))
    sink = TellingSink(lab.target, lab.writes)
    made = copy(
        lab.reader,
        sink,
        lab.extents(),
        journal=lab.journal(),
        likely=likely,
    )
    assert lab.same
    assert made.bytes_sent == whole


class ForgetfulSink(TellingSink):
    """Its far side leaves the last digest out."""

    def digests(self, offset: int, length: int, block: int) -> list[bytes]:
        return super().digests(offset, length, block)[:-1]

    def clone(self) -> ForgetfulSink:
        return ForgetfulSink(self._path, self._faults)


def test_a_digest_that_is_missing_is_an_error(lab: Lab) -> None:
    copy(lab.reader, lab.sink, lab.extents())
    likely = lab.journal()
    likely.add(Extent(start=0, length=SIZE))
    sink = ForgetfulSink(lab.target, lab.writes)
    with pytest.raises(errors.CorruptData, match='number of blocks'):
        copy(
            lab.reader,
            sink,
            lab.extents(),
            journal=lab.journal(),
            likely=likely,
        )
    with pytest.raises(errors.CorruptData, match='number of blocks'):
        digest.verify(lab.reader, sink, lab.extents())
    with pytest.raises(errors.CorruptData, match='number of blocks'):
        digest.tree_at(sink, SIZE)


def fail_flush(what: str, offset: int) -> None:
    if what == 'flush':
        raise OSError('no space')


def test_resume_skips_what_is_durable(lab: Lab) -> None:
    journal = lab.journal()
    journal.add(Extent(start=0, length=4 * MIB))
    lab.target.write_bytes(lab.data[: 4 * MIB] + b'\x11' * (SIZE - 4 * MIB))
    copied = copy(lab.reader, lab.sink, lab.extents(), journal=journal)
    assert lab.same
    assert copied.bytes_resumed == 4 * MIB
    assert copied.bytes_changed == SIZE
    assert min(start for start, _ in lab.reads.of('read')) >= 4 * MIB


@pytest.mark.parametrize('side', ['reads', 'writes'])
@pytest.mark.parametrize('number', [1, 3, 6])
def test_the_first_error_wins(lab: Lab, side: str, number: int) -> None:
    faults: Faults = getattr(lab, side)
    faults.plan[number] = ConnectionLost('gone')
    with pytest.raises(ConnectionLost, match='gone'):
        copy(lab.reader, lab.sink, lab.extents())
    copy(lab.reader, lab.sink, lab.extents())
    assert lab.same


@pytest.mark.parametrize('how', ['answer', 'raise'])
def test_stop(lab: Lab, how: str) -> None:
    def stop() -> bool:
        if how == 'raise':
            raise errors.Canceled('asked')
        return True

    held = lab.reads.hook = Slow()
    with pytest.raises(errors.Canceled):
        copy(lab.reader, lab.sink, lab.extents(), stop=stop, workers=2)
    assert held.count < 10
    assert not lab.writes.of('flush')


class Slow:
    """Makes each call last; a stop comes while one is under way."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, what: str, offset: int) -> None:
        self.count += 1
        time.sleep(0.4)


def test_progress_ends_at_all(lab: Lab) -> None:
    seen: list[Progress] = []
    copied = copy(lab.reader, lab.sink, lab.extents(), progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (SIZE, SIZE)
    assert seen[-1].read == copied.bytes_read
    assert seen[-1].sent == copied.bytes_sent


def test_a_target_too_small_is_refused(lab: Lab) -> None:
    os.truncate(lab.target, SIZE - 1)
    with pytest.raises(errors.Conflict):
        copy(lab.reader, lab.sink, lab.extents())


@pytest.mark.parametrize('options', [{'buffer': MIB + 1}, {'workers': 0}])
def test_bad_options(lab: Lab, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match='at most'):
        copy(lab.reader, lab.sink, [], **options)


def test_a_lost_source_is_read_again(lab: Lab) -> None:
    for number in (2, 3, 7):
        lab.reads.plan[number] = ConnectionLost('gone')
    reader = RetryingReader(lab.reader, first_delay_seconds=0.001)
    copy(reader, lab.sink, lab.extents())
    assert lab.same
    assert lab.reads.plan == {}


def test_a_source_that_stays_lost_is_given_up(lab: Lab) -> None:
    for number in range(1, 100):
        lab.reads.plan[number] = ConnectionLost('gone')
    reader = RetryingReader(lab.reader, tries=3, first_delay_seconds=0.001)
    view = memoryview(bytearray(512))
    with pytest.raises(ConnectionLost):
        reader.readinto(0, view)
    assert len(lab.reads.calls) == 3


def test_eight_tebibytes_of_nothing_are_few_jobs() -> None:
    size, segment = 8 << 40, 128 * MIB
    hole = Extent(start=0, length=size, kind=Kind.HOLE)
    jobs = list(jobs_of([hole], size, segment))
    assert len(jobs) == size >> 30
    assert jobs[1] == Job(
        8, 15, [Extent(start=1 << 30, length=1 << 30, kind=Kind.HOLE)]
    )


def test_jobs_keep_every_byte_and_end_at_segments() -> None:
    extents = [
        Extent(start=0, length=10),
        Extent(start=30, length=70, kind=Kind.HOLE),
        Extent(start=100, length=100, kind=Kind.ZERO),
        Extent(start=200, length=33, kind=Kind.ZERO),
        Extent(start=233, length=2),
    ]
    assert list(jobs_of(extents, 235, 50)) == [
        Job(
            0,
            0,
            [
                Extent(start=0, length=10),
                Extent(start=30, length=20, kind=Kind.HOLE),
            ],
        ),
        Job(1, 1, [Extent(start=50, length=50, kind=Kind.HOLE)]),
        Job(2, 3, [Extent(start=100, length=100, kind=Kind.ZERO)]),
        Job(
            4,
            4,
            [
                Extent(start=200, length=33, kind=Kind.ZERO),
                Extent(start=233, length=2),
            ],
        ),
    ]


@given(some_extents(), st.integers(1, 30), st.integers(0, 50))
def test_jobs_of_any_extents(
    extents: list[Extent], segment: int, tail: int
) -> None:
    size = (extents[-1].end if extents else 0) + tail
    seen = []
    last = -1
    for job in jobs_of(extents, size, segment):
        # No segment is in two jobs, or done would come too early.
        assert job.first > last
        last = job.last
        for extent in job.extents:
            assert job.first * segment <= extent.start
            assert extent.end <= (job.last + 1) * segment
        seen += job.extents
    assert drawn(seen) == drawn(extents)


@pytest.mark.parametrize('length', [1, 15, 16, 17, 4096, MIB])
def test_is_zero(length: int) -> None:
    data = bytearray(length)
    assert is_zero(memoryview(data))
    for position in {0, length // 3, length - 1}:
        data[position] = 1
        assert not is_zero(memoryview(data))
        data[position] = 0


def test_files_alone(lab: Lab) -> None:
    copy(FileReader(lab.source), FileSink(lab.target), lab.extents())
    assert lab.same
