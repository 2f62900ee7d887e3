# SPDX-License-Identifier: Apache-2.0
"""Where a snapshot's disks are served, and the reader of one of them."""

from __future__ import annotations

import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from coriolis_ng.objects import Value
from coriolis_ng.providers import errors
from coriolis_ng.transport import errors as transport_errors
from coriolis_ng.transport.extents import Extent
from coriolis_ng.transport.nbd import NbdAddress
from coriolis_ng.transport.readers.nbd import NbdReader

Diagnose = Callable[[], None]


# How often it is looked at a machine that has to stay off.
_LOOK_SECONDS = 5.0


class Guard:
    """Looks whether a snapshot is still what it was, for all its streams.

    ``diagnose`` raises where it is not. That is asked when a connection
    broke, and with ``always`` also while all seems well.
    """

    def __init__(
        self,
        diagnose: Diagnose,
        *,
        always: bool,
        every_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._diagnose = diagnose
        self._always = always
        self._every = every_seconds
        self._lock = threading.Lock()
        self._last = time.monotonic()

    def look(self) -> None:
        """Diagnoses now; one stream at a time."""
        with self._lock:
            self._diagnose()
            self._last = time.monotonic()

    def after_read(self) -> None:
        """Looks again when the last look is old, with ``always``."""
        if self._always and time.monotonic() - self._last >= self._every:
            self.look()

    def at_end(self) -> None:
        """Looks a last time, with ``always``: the reads count only then."""
        if self._always:
            self.look()


class Served(Value):
    """One disk: ``bitmap`` is the dirty bitmap of a delta ``since`` a
    checkpoint's id, both None for a full copy."""

    socket: str
    export: str
    path: str = ''
    written: int = 0  # of a machine that is off: when, as of ``os.stat``
    since: str | None = None
    bitmap: str | None = None


class Address(Value):
    """A snapshot's ``address``: all that another process needs."""

    running: bool
    domain: str
    disks: dict[str, Served] = {}

    def encode(self) -> str:
        """As the text that ``Snapshot.address`` is."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def decode(cls, text: str) -> Address:
        """From that text."""
        return msgspec.json.decode(text, type=cls)


class Names(Value):
    """What a snapshot is called, before it is made."""

    domain: str
    short: str
    scratch: str

    @property
    def id(self) -> str:
        """What the ledger calls the snapshot."""
        return f'{self.domain}/backup-{self.short}'

    @property
    def folder(self) -> pathlib.Path:
        """Where its sockets and what the guest overwrites lie."""
        # The path of a unix socket may have 107 bytes.
        return pathlib.Path(self.scratch) / f'{self.domain[:8]}-{self.short}'

    @property
    def socket(self) -> pathlib.Path:
        """Where a running machine's disks are all served."""
        return self.folder / 'nbd.sock'

    def make_folder(self, owner: tuple[int, int] | None = None) -> None:
        """A directory that only we, or a user and group, may enter; raises
        ``Conflict`` where it cannot be made."""
        try:
            self.folder.parent.mkdir(0o711, parents=True, exist_ok=True)
            self.folder.mkdir(0o700, exist_ok=True)
            if owner is not None:
                os.chown(self.folder, *owner)
        except OSError as error:
            raise errors.Conflict(
                f'The scratch directory {self.scratch} cannot be used: '
                f'{error.strerror}.',
                detail=str(error),
            ) from error

    @classmethod
    def of(cls, id: str, scratch: str) -> Names:
        """From what the ledger keeps: an id, and the directory."""
        domain, _, name = id.partition('/')
        return cls(
            domain=domain, short=name.removeprefix('backup-'), scratch=scratch
        )


class SnapshotReader(NbdReader):
    """Knows checkpoints by their ids; says what became of the machine when
    the connection breaks.

    What was read counts only when ``close`` did not raise: a machine that
    was off may have been started, and its lock does not hold for raw files.
    """

    def __init__(
        self, served: Served, guard: Guard, size: int | None = None
    ) -> None:
        self._served = served
        self._guard = guard
        self._used = False
        try:
            super().__init__(
                NbdAddress(export=served.export, socket=served.socket),
                bitmap=served.bitmap,
                size=size,
            )
        except (transport_errors.TransportError, OSError) as error:
            guard.look()
            raise errors.Unreachable(
                'The snapshot on the source cannot be read any more.',
                detail=str(error),
                retryable=False,
            ) from error

    def extents(self, since: str | None) -> Iterator[Extent]:
        """By a checkpoint's id; ``NoChangeTracking`` for any but the one that
        is served."""
        if since is None:
            return self._guarded(super().extents(None))
        if since != self._served.since or self._served.bitmap is None:
            raise transport_errors.NoChangeTracking(
                'The source cannot tell what changed since that checkpoint.',
                detail=f'{since}, served is {self._served.since}',
            )
        return self._guarded(super().extents(self._served.bitmap))

    def _guarded(self, extents: Iterator[Extent]) -> Iterator[Extent]:
        try:
            self._used = True
            yield from extents
        except transport_errors.ConnectionLost:
            self._guard.look()
            raise

    def readinto(self, offset: int, view: memoryview) -> None:
        """As ``NbdReader``; ``Conflict`` where the machine's fate explains a
        lost connection."""
        try:
            self._used = True
            super().readinto(offset, view)
        except transport_errors.ConnectionLost:
            self._guard.look()
            raise
        self._guard.after_read()

    def clone(self) -> SnapshotReader:
        """Another stream under the same guard."""
        return SnapshotReader(self._served, self._guard, self.size)

    def close(self) -> None:
        """Raises ``Conflict`` where the snapshot did not stay what it was."""
        super().close()
        used, self._used = self._used, False
        if used:
            self._guard.at_end()
