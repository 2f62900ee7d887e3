# SPDX-License-Identifier: Apache-2.0
"""The only copy loop: extents of a reader into a sink.

The disk is a grid of segments, the unit of the journal.  The calling thread
makes jobs of them, flushes, and reports; each stream is a thread with a clone
of the reader, a clone of the sink and one buffer.  Threads are enough: what
costs time (recv, digest, deflate, TLS) runs without the interpreter's lock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable
from concurrent import futures

from coriolis_ng import errors as root_errors
from coriolis_ng.objects import Value
from coriolis_ng.transport.contracts import Reader, Sink, VerifyingSink
from coriolis_ng.transport.digest import MIB, SEGMENT, digest, digests_of
from coriolis_ng.transport.extents import Extent, Kind, split
from coriolis_ng.transport.jobs import MAX_ZERO, Job, jobs_of
from coriolis_ng.transport.journal import Journal
from coriolis_ng.transport.lane import Closed, Lane
from coriolis_ng.transport.ratelimit import Clock, RateLimit
from coriolis_ng.transport.stats import Meter, Progress

FLUSH_BYTES = 1 << 30
FLUSH_SECONDS = 20.0
TICK_SECONDS = 0.25
LINGER_SECONDS = 10.0
COMPARED = 16 * MIB  # what the far side is asked to read back at once
_ZEROES = bytes(MIB)


class Copied(Value):
    """What a copy did; all in bytes but ``seconds``.

    ``bytes_changed`` is what the extents describe, ``bytes_resumed`` how much
    of that an earlier attempt had made durable, ``bytes_sent`` the payload
    that crossed the wire (after compression), ``bytes_zeroed`` what was
    zeroed or discarded without payload.
    """

    bytes_changed: int = 0
    bytes_read: int = 0
    bytes_sent: int = 0
    bytes_zeroed: int = 0
    bytes_resumed: int = 0
    seconds: float = 0.0


@dataclasses.dataclass
class Options:
    """How a copy is to be done; see :func:`copy`."""

    buffer: int
    limit: RateLimit | None
    target_is_zero: bool
    segment: int
    likely: Journal | None = None


def is_zero(view: memoryview) -> bool:
    """Whether there are only zeroes in at most 1 MiB of bytes.

    A few probes first: data that is not zero mostly shows it at once, and
    comparing bytes objects is memcmp where comparing views is a loop.
    """
    if any(view[:: max(1, len(view) // 16)]):
        return False
    return view.tobytes() == _ZEROES[: len(view)]


class _Stream:
    """One thread's share of the copy."""

    def __init__(
        self,
        reader: Reader,
        sink: Sink,
        options: Options,
        meter: Meter,
        lane: Lane[Job],
    ) -> None:
        self._reader = reader
        self._sink = sink
        self._verifying = sink if isinstance(sink, VerifyingSink) else None
        self._options = options
        self._meter = meter
        self._lane = lane
        self._buffer = memoryview(bytearray(options.buffer))

    def run(self, finished: Callable[[Job], None]) -> None:
        for job in self._lane:
            likely = self._is_likely(job)
            for extent in job.extents:
                self._extent(extent, likely)
            finished(job)

    def _is_likely(self, job: Job) -> bool:
        likely, numbers = self._options.likely, range(job.first, job.last + 1)
        return likely is not None and all(likely.has(n) for n in numbers)

    def _extent(self, extent: Extent, likely: bool) -> None:
        if extent.kind is Kind.DATA and likely and self._verifying:
            self._compare(extent, self._verifying)
        elif extent.kind is Kind.DATA:
            step = self._options.buffer
            for start in range(extent.start, extent.end, step):
                self._chunk(start, min(step, extent.end - start))
        elif self._options.target_is_zero:
            self._meter.add(done=extent.length)
        else:
            self._empty(extent)

    def _empty(self, extent: Extent) -> None:
        hole = extent.kind is Kind.HOLE
        for start in range(extent.start, extent.end, MAX_ZERO):
            self._lane.check()
            length = min(MAX_ZERO, extent.end - start)
            if hole:
                self._sink.discard(start, length)
            else:
                self._sink.zero(start, length)
            self._meter.add(done=length, zeroed=length)

    def _compare(self, extent: Extent, sink: VerifyingSink) -> None:
        """Only blocks travel whose digest at the far side is another."""
        step = self._options.buffer
        for piece in split([extent], COMPARED):
            self._lane.check()
            theirs = digests_of(sink, piece.start, piece.length, step)
            for number, found in enumerate(theirs):
                start = piece.start + number * step
                length = min(step, piece.end - start)
                self._chunk(start, length, found)

    def _chunk(self, start: int, length: int, known: bytes = b'') -> None:
        """``known`` is the digest of what the far side holds there."""
        self._lane.check()
        view = self._buffer[:length]
        self._reader.readinto(start, view)
        sink = self._verifying
        if known and sink and digest(view, sink.algorithm) == known:
            self._meter.add(done=length, read=length)
            return
        if is_zero(view):
            zeroed = 0
            if not self._options.target_is_zero:
                self._sink.zero(start, length)
                zeroed = length
            self._meter.add(done=length, read=length, zeroed=zeroed)
            return
        if self._options.limit:
            self._options.limit.take(length, lambda: self._lane.closed)
            self._lane.check()
        sent = length
        if sink:
            checksum = digest(view, sink.algorithm)
            sent = sink.write_verified(start, view, checksum)
            if self._options.limit:
                # Compressed it was less: the limit is one of the wire.
                self._options.limit.give_back(length - sent)
        else:
            self._sink.write(start, view)
        self._meter.add(done=length, read=length, sent=sent)


class _Ledger:
    """Segments that are written, and become durable by the next flush."""

    def __init__(
        self,
        sink: Sink,
        size: int,
        segment: int,
        journal: Journal | None,
        done: Callable[[Extent], None] | None,
        clock: Clock,
        flush_seconds: float,
    ) -> None:
        self._sink = sink
        self._size, self._segment = size, segment
        self._journal, self._done = journal, done
        self._clock = clock
        self._flush_seconds = flush_seconds
        self._lock = threading.Lock()
        self._written: list[Job] = []
        self._bytes = 0
        self._flushed_at = clock.monotonic()

    def finished(self, job: Job) -> None:
        with self._lock:
            self._written.append(job)
            self._bytes += job.bytes

    def flush_if_due(self) -> None:
        silent = self._clock.monotonic() - self._flushed_at
        if self._written and (
            self._bytes >= FLUSH_BYTES or silent >= self._flush_seconds
        ):
            self.flush()

    def flush(self) -> None:
        """Make durable what was finished before, and tell of it."""
        with self._lock:
            jobs, self._written, self._bytes = self._written, [], 0
        self._sink.flush()
        self._flushed_at = self._clock.monotonic()
        for job in sorted(jobs, key=lambda job: job.first):
            start = job.first * self._segment
            end = min((job.last + 1) * self._segment, self._size)
            extent = Extent(start=start, length=end - start)
            if self._journal:
                self._journal.add(extent)
            if self._done:
                self._done(extent)


def copy(  # noqa: PLR0913 - the interface that the design names
    reader: Reader,
    sink: Sink,
    extents: Iterable[Extent],
    *,
    workers: int = 4,
    buffer: int = MIB,
    limit: RateLimit | None = None,
    clock: Clock = time,
    stop: Callable[[], object] | None = None,
    done: Callable[[Extent], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    journal: Journal | None = None,
    target_is_zero: bool = False,
    flush_seconds: float = FLUSH_SECONDS,
    likely: Journal | None = None,
) -> Copied:
    """Copy ``extents`` (ascending, within the disk) and make them durable.

    ``workers`` streams move requests of at most ``buffer`` bytes (1 MiB).
    ``stop`` is called from the calling thread four times a second and ends
    the copy by raising, or by answering something true (``Canceled``).
    ``done`` is told, from the same thread, of whole segments that need no
    copying any more, each only after the flush that made it durable, and
    after ``journal`` took it in; segments that ``journal`` already has are
    skipped.  ``progress`` is called from there as well.

    ``target_is_zero``: the backend proves that all of the target that no
    earlier attempt wrote reads as zero.  Then ZERO and HOLE need nothing;
    without it they are zeroed and discarded.  It must be false for a delta.
    What was written becomes durable after ``flush_seconds`` at the latest
    (or after 1 GiB).

    ``likely`` lists segments that a copy of another moment had made durable:
    where the sink can tell digests, only blocks that differ travel.

    The first error of any stream ends all of them and is raised; what became
    durable before stays in the journal.
    """
    _check(reader, sink, buffer, workers)
    segment = next((j.segment for j in (journal, likely) if j), SEGMENT)
    wanted = list(extents)
    run = _Run(
        reader,
        sink,
        Options(buffer, limit, target_is_zero, segment, likely),
        _Ledger(
            sink, reader.size, segment, journal, done, clock, flush_seconds
        ),
        Meter(sum(extent.length for extent in wanted), clock=clock),
        (stop, progress),
    )
    began = clock.monotonic()
    run.go(wanted, workers, journal)
    return run.copied(clock.monotonic() - began)


def _check(reader: Reader, sink: Sink, buffer: int, workers: int) -> None:
    """Refuse what cannot end well before a thread is started."""
    if not 0 < buffer <= MIB or workers < 1:
        raise ValueError('1 MiB at most, and at least one worker')
    if sink.size < reader.size:
        raise root_errors.Conflict(
            "The destination disk is smaller than the source's.",
            detail=f'{sink.size} < {reader.size}',
        )


class _Run:
    """One call of :func:`copy`, seen from the calling thread."""

    def __init__(
        self,
        reader: Reader,
        sink: Sink,
        options: Options,
        ledger: _Ledger,
        meter: Meter,
        hooks: tuple[
            Callable[[], object] | None, Callable[[Progress], None] | None
        ],
    ) -> None:
        self._reader, self._sink = reader, sink
        self._options = options
        self._ledger = ledger
        self._stop, self._progress = hooks
        self.meter = meter
        self.resumed = 0
        self._lane: Lane[Job] = Lane(8)

    def go(
        self, extents: list[Extent], workers: int, journal: Journal | None
    ) -> None:
        pool = futures.ThreadPoolExecutor(workers, 'copy')
        streams = [pool.submit(self._stream) for _ in range(workers)]
        pool.shutdown(wait=False)
        ended: list[futures.Future[None]] = []
        for stream in streams:
            stream.add_done_callback(ended.append)
        with contextlib.ExitStack() as end:
            # After an error a stream may hang in a request to a dead peer:
            # it is left alone, and the fence of the attempt keeps it out.
            end.callback(futures.wait, streams, LINGER_SECONDS)
            end.callback(self._lane.close)
            with contextlib.suppress(Closed):
                self._feed(extents, journal)
                self._wait(streams)
        _raise_first(ended)
        self._ledger.flush()
        self._report()

    def copied(self, seconds: float) -> Copied:
        """What ``go`` did in that time."""
        return Copied(
            bytes_changed=self.meter.total,
            bytes_read=self.meter.read,
            bytes_sent=self.meter.sent,
            bytes_zeroed=self.meter.zeroed,
            bytes_resumed=self.resumed,
            seconds=seconds,
        )

    def _feed(self, extents: list[Extent], journal: Journal | None) -> None:
        size, segment = self._reader.size, self._options.segment
        for job in jobs_of(extents, size, segment):
            self._give(job, journal)
        self._lane.end()

    def _wait(self, streams: list[futures.Future[None]]) -> None:
        """Until all have ended; ``Closed`` when one did by an error."""
        while futures.wait(streams, TICK_SECONDS).not_done:
            self._lane.check()
            self._tick()

    def _give(self, job: Job, journal: Journal | None) -> None:
        numbers = range(job.first, job.last + 1)
        if journal and all(journal.has(number) for number in numbers):
            self.resumed += job.bytes
            self.meter.add(done=job.bytes)
            return
        while not self._lane.put(job, TICK_SECONDS):
            self._tick()

    def _tick(self) -> None:
        if self._stop and self._stop():
            raise root_errors.Canceled('The copy was asked to stop.')
        self._ledger.flush_if_due()
        self._report()

    def _report(self) -> None:
        if self._progress:
            self._progress(self.meter.look())

    def _stream(self) -> None:
        """A thread's work; its error ends the others, and is its future's."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._lane.close)
            with (
                contextlib.closing(self._reader.clone()) as reader,
                contextlib.closing(self._sink.clone()) as sink,
            ):
                _Stream(
                    reader, sink, self._options, self.meter, self._lane
                ).run(self._ledger.finished)
            undo.pop_all()


def _raise_first(ended: list[futures.Future[None]]) -> None:
    """The error of the stream that ended first by one of its own."""
    for stream in ended:
        error = stream.exception()
        if error is not None and not isinstance(error, Closed):
            raise error
