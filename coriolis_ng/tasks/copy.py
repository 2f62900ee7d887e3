# SPDX-License-Identifier: Apache-2.0
"""Move the bytes: from a source's snapshot to a replica's volumes."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Load, Side, Task, Work
from coriolis_ng.objects import Value, from_plain, to_plain
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.recovery_point import Copied
from coriolis_ng.objects.snapshot import Mode, Snapshot, SnapshotDisk
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import Volume, Volumes
from coriolis_ng.tasks import minions
from coriolis_ng.tasks.told import Told
from coriolis_ng.transport.certificates import Certificates
from coriolis_ng.transport.contracts import Reader, Sink
from coriolis_ng.transport.copy import Copied as Made
from coriolis_ng.transport.copy import copy
from coriolis_ng.transport.digest import whole
from coriolis_ng.transport.errors import (
    ConnectionLost,
    JournalMismatch,
    NoChangeTracking,
)
from coriolis_ng.transport.extents import Extent
from coriolis_ng.transport.journal import Journal, JournalValue
from coriolis_ng.transport.ratelimit import Clock
from coriolis_ng.transport.sinks.agent import AgentSink
from coriolis_ng.transport.stats import Progress

# A beat carries the journal away: what is flushed less often than workers
# beat would be copied again after the loss of one.
FLUSH_SECONDS = 5.0
# A flush of a slow volume may take longer: then the question is for nothing.
SILENT_SECONDS = 10.0
LOOK_SECONDS = 1.0


class Moved(Value):
    """What all attempts together read and sent, in bytes."""

    read: int = 0
    sent: int = 0


class CopyJournal(Value):
    """What an attempt leaves to the next: what is durable, by disk, and
    what it took to get there. ``likely`` is what an execution that failed
    had made durable, of another snapshot: it is compared, not trusted."""

    disks: dict[str, JournalValue] = {}
    likely: dict[str, JournalValue] = {}
    moved: dict[str, Moved] = {}


class CopyDisks(Task):
    """Copy what changed since the last recovery point, or everything."""

    side = Side.BOTH
    needs = ('exports', 'imports')
    resumable = True
    silent_seconds = 300
    moves = True

    class Input(Value):
        """``agreed`` is the source's mark that each disk's volume agrees
        with; without one, or with ``full_reason``, a disk is copied in
        full."""

        vm: Vm
        snapshot: Snapshot
        writer: Minion
        volumes: Volumes
        agreed: dict[str, str] = {}
        full_reason: str = ''
        checksum: bool = False

    class Output(Value):
        copied: tuple[Copied, ...]

    def loads(self, given: Input) -> tuple[Load, ...]:
        """The machine's host, and the storage at both ends."""
        host = given.vm.host
        found = [Load(side=Side.SOURCE, what='host', name=host)] * bool(host)
        for side, names in (
            (Side.SOURCE, {disk.backend for disk in given.vm.disks}),
            (Side.TARGET, {one.storage for one in given.volumes.items}),
        ):
            found += [
                Load(side=side, what='storage', name=name)
                for name in sorted(names)
                if name
            ]
        return tuple(found)

    @classmethod
    def inherit(cls, checkpoint: dict[str, Any]) -> dict[str, Any] | None:
        try:
            left = from_plain(CopyJournal, checkpoint)
        except errors.InvalidInput:
            return None  # of another release
        likely = dict(left.likely)
        for disk, value in left.disks.items():
            likely[disk] = merged(value, likely.get(disk))
        return to_plain(CopyJournal(likely=likely))

    def run(self, work: Work, given: Input) -> Output:
        journals = _Journals(work)
        disks = given.vm.disks
        streams = max(1, 4 // len(disks))
        pool = concurrent.futures.ThreadPoolExecutor(len(disks))
        running = [
            pool.submit(_DiskCopy(work, given, disk, journals, streams).run)
            for disk in disks
        ]
        pool.shutdown(wait=False)
        stuck = _wait(running, journals, Patience(work, given.writer))
        if stuck is not None:
            # The threads hang in requests that nobody will answer: they are
            # left alone, and the fence of the attempt keeps them out.
            raise stuck
        ended = [future.exception() for future in running]
        try:
            _raise_cause(ended)
        except ConnectionLost as error:
            raise minions.cause(work, given.writer) or error from error
        copied = tuple(future.result() for future in running)
        work.note(_summary(copied))
        return self.Output(copied=copied)


def merged(value: JournalValue, other: JournalValue | None) -> JournalValue:
    """A list of the segments that either names."""
    journal = Journal(value.snapshot, value.size, segment=value.segment)
    for one in (other, value):
        if one is not None:
            with contextlib.suppress(JournalMismatch):
                journal.inherit(one)
    return journal.value()


class Patience:
    """Asks for the state of the worker VM when nothing moved for a while.

    A machine that was paused in the middle of a request shows itself by
    silence alone, for minutes.
    """

    def __init__(
        self,
        work: Work,
        writer: Minion,
        seconds: float = SILENT_SECONDS,
        clock: Clock = time,
    ) -> None:
        self._work, self._writer = work, writer
        self._seconds, self._clock = seconds, clock
        self._seen: object = None
        self._since = clock.monotonic()

    def look(self, seen: object) -> errors.CoriolisError | None:
        """``seen`` is different whenever something moved; the reason why
        nothing will move any more, if there is one."""
        now = self._clock.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif now - self._since >= self._seconds:
            self._since = now
            return minions.cause(self._work, self._writer)
        return None


def _wait(
    running: list[concurrent.futures.Future[Copied]],
    journals: _Journals,
    patience: Patience,
) -> errors.CoriolisError | None:
    """Until all disks have ended; the error of a worker VM that will not go
    on, which the disks themselves would notice much later."""
    while True:
        done, left = concurrent.futures.wait(
            running,
            LOOK_SECONDS,
            return_when=concurrent.futures.FIRST_EXCEPTION,
        )
        if any(f.exception() for f in done):
            # The others end by themselves soon: all ask for this.
            journals.give_up()
            concurrent.futures.wait(running, SILENT_SECONDS)
            left = {f for f in running if not f.done()}
        if not left:
            return None
        stuck = patience.look(journals.state())
        if stuck is not None:
            journals.give_up()
            return stuck


def _raise_cause(ended: list[BaseException | None]) -> None:
    """Raises the error that made the other disks give up, not theirs."""
    failed = [error for error in ended if error is not None]
    causes = [e for e in failed if not isinstance(e, errors.Canceled)]
    for error in causes or failed:
        raise error


class _Journals:
    """The journals of all disks, kept together for the next attempt."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._before: CopyJournal = work.resumed(CopyJournal) or CopyJournal()
        self._disks: dict[str, Journal] = {}
        self._moved = dict(self._before.moved)
        self._lock = threading.Lock()
        self.given_up = False

    def give_up(self) -> None:
        """One disk failed: the others need not go on."""
        self.given_up = True

    def open(
        self, snapshot: Snapshot, disk: SnapshotDisk, since: str | None
    ) -> Journal:
        before = self._before.disks.get(disk.disk_id)
        journal = Journal(snapshot.id, disk.size, since=since)
        if before is not None:
            try:
                journal = Journal.load(
                    before, snapshot.id, disk.size, since=since
                )
                self._work.note(
                    f'{disk.disk_id}: goes on after '
                    f'{journal.durable / 2**20:.0f} MiB that are durable'
                )
            except JournalMismatch as error:
                self._work.note(f'{disk.disk_id}: {error.message}')
        with self._lock:
            self._disks[disk.disk_id] = journal
        return journal

    def likely(self, disk: SnapshotDisk) -> Journal | None:
        """What an execution before wrote of the disk, to be compared."""
        value = self._before.likely.get(disk.disk_id)
        if value is None:
            return None
        journal = Journal('', disk.size)
        with contextlib.suppress(JournalMismatch):
            journal.inherit(value)
        if journal.durable:
            self._work.note(
                f'{disk.disk_id}: compares '
                f'{journal.durable / 2**20:.0f} MiB that the execution '
                'before had written'
            )
        return journal

    def moved(self, disk_id: str, read: int, sent: int) -> Moved:
        """Takes in what this attempt moved so far; answers the sum."""
        before = self._before.moved.get(disk_id, Moved())
        found = Moved(read=before.read + read, sent=before.sent + sent)
        with self._lock:
            self._moved[disk_id] = found
        return found

    def state(self) -> dict[str, Moved]:
        """What was moved by now."""
        with self._lock:
            return dict(self._moved)

    def save(self, _extent: Extent) -> None:
        with self._lock:
            # Disks that this attempt has not opened yet keep theirs.
            values = dict(self._before.disks)
            values |= {i: j.value() for i, j in self._disks.items()}
            moved = dict(self._moved)
        self._work.checkpoint(
            CopyJournal(disks=values, moved=moved, likely=self._before.likely)
        )


class _DiskCopy:
    """The copy of one disk, in a thread of its own."""

    def __init__(
        self,
        work: Work,
        given: CopyDisks.Input,
        disk: Disk,
        journals: _Journals,
        streams: int,
    ) -> None:
        self._work = work
        self._given = given
        self._disk = disk
        self._journals = journals
        self._streams = streams

    def run(self) -> Copied:
        work, given = self._work, self._given
        told = given.snapshot.disk(self._disk.id)
        volume = given.volumes.of(self._disk.id)
        mode, reason = decide(told, volume, given.agreed, given.full_reason)
        reader: Reader = work.source.exports.open(
            given.snapshot, self._disk.id
        )
        try:
            since = told.since if mode is Mode.DELTA else None
            try:
                extents = list(reader.extents(since))
            except NoChangeTracking as error:
                mode, reason, since = Mode.FULL, error.message, None
                extents = list(reader.extents(None))
            work.note(f'{self._disk.id}: {mode} copy, {reason}')
            sink = open_sink(work, given.writer, volume)
            try:
                made = self._copy(reader, sink, extents, since)
            finally:
                sink.close()
            sha256 = ''
            if given.checksum:
                sha256 = whole(Told(reader, work, f'{self._disk.id} sha256'))
        finally:
            reader.close()
        moved = self._journals.moved(
            self._disk.id, made.bytes_read, made.bytes_sent
        )
        return Copied(
            disk_id=self._disk.id,
            mode=mode,
            reason=reason,
            changed=made.bytes_changed,
            read=moved.read,
            sent=moved.sent,
            written=made.bytes_read + made.bytes_zeroed,
            seconds=made.seconds,
            sha256=sha256,
        )

    def _copy(
        self,
        reader: Reader,
        sink: Sink,
        extents: list[Extent],
        since: str | None,
    ) -> Made:
        given = self._given
        told = given.snapshot.disk(self._disk.id)
        volume = given.volumes.of(self._disk.id)
        return copy(
            reader,
            sink,
            extents,
            workers=self._streams,
            limit=self._work.limit,
            stop=self._stop,
            done=self._journals.save,
            progress=self._progress,
            journal=self._journals.open(given.snapshot, told, since),
            target_is_zero=since is None and volume.fresh and volume.zeroed,
            flush_seconds=FLUSH_SECONDS,
            # Of a volume that was made anew nothing is left.
            likely=None if volume.fresh else self._journals.likely(told),
        )

    def _stop(self) -> bool:
        return self._work.stopping or self._journals.given_up

    def _progress(self, seen: Progress) -> None:
        self._journals.moved(self._disk.id, seen.read, seen.sent)
        self._work.progress(seen.done, seen.total, item=self._disk.id)


def decide(
    disk: SnapshotDisk,
    volume: Volume,
    agreed: dict[str, str],
    full_reason: str,
) -> tuple[Mode, str]:
    """Full or delta, and why: a delta needs a source that can tell what
    changed and a volume that agrees with the mark it starts from."""
    if full_reason:
        return Mode.FULL, full_reason
    if disk.mode is Mode.FULL:
        return Mode.FULL, disk.reason
    if volume.fresh:
        return Mode.FULL, 'the volume is new'
    if agreed.get(disk.disk_id) != disk.since:
        return Mode.FULL, 'the volume never agreed with the last checkpoint'
    return Mode.DELTA, disk.reason


def open_sink(work: Work, writer: Minion, volume: Volume) -> Sink:
    """Through the agent of the worker VM, or without one."""
    if writer.agent is None:
        sink: Sink = work.target.imports.open(writer, volume, work.attempt)
        return sink
    pem = msgspec.json.decode(
        work.secret(writer.agent.credentials), type=Certificates
    )
    return AgentSink(
        writer.agent.host,
        writer.agent.port,
        volume.disk_id,
        context=pem.client_context(),
        attempt=work.attempt,
    )


def _summary(copied: tuple[Copied, ...]) -> str:
    def mib(figure: str) -> str:
        return f'{sum(getattr(c, figure) for c in copied) / 2**20:.1f} MiB'

    return (
        f'{mib("changed")} changed, {mib("read")} read, {mib("sent")} sent, '
        'every chunk verified'
    )


__all__ = ['CopyDisks', 'CopyJournal', 'decide', 'open_sink']
