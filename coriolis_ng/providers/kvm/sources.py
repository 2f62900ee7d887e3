# SPDX-License-Identifier: Apache-2.0
"""Where a snapshot's disks are served, and the reader of one of them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import msgspec

from coriolis_ng.objects import Value
from coriolis_ng.providers import errors
from coriolis_ng.transport import errors as transport_errors
from coriolis_ng.transport.extents import Extent
from coriolis_ng.transport.nbd import NbdAddress
from coriolis_ng.transport.readers.nbd import NbdReader

Diagnose = Callable[[], None]


class Served(Value):
    """One disk: ``bitmap`` is the dirty bitmap of a delta ``since`` a
    checkpoint's id, both None for a full copy."""

    socket: str
    export: str
    since: str | None = None
    bitmap: str | None = None


class Address(Value):
    """A snapshot's ``address``: all that another process needs."""

    running: bool
    domain: str
    disks: dict[str, Served] = {}

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def decode(cls, text: str) -> Address:
        return msgspec.json.decode(text, type=cls)


class Names(Value):
    """What a snapshot is called, before it is made."""

    domain: str
    short: str
    scratch: str

    @property
    def id(self) -> str:
        return f'{self.domain}/backup-{self.short}'

    @property
    def folder(self) -> pathlib.Path:
        # The path of a unix socket may have 107 bytes.
        return pathlib.Path(self.scratch) / f'{self.domain[:8]}-{self.short}'

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / 'nbd.sock'

    @classmethod
    def of(cls, id: str, scratch: str) -> Names:
        """From what the ledger keeps: an id, and the directory."""
        domain, _, name = id.partition('/')
        return cls(
            domain=domain, short=name.removeprefix('backup-'), scratch=scratch
        )


class SnapshotReader(NbdReader):
    """Knows checkpoints by their ids; says what became of the machine when
    the connection breaks."""

    def __init__(
        self, served: Served, diagnose: Diagnose, size: int | None = None
    ) -> None:
        self._served = served
        self._diagnose = diagnose
        try:
            super().__init__(
                NbdAddress(export=served.export, socket=served.socket),
                bitmap=served.bitmap,
                size=size,
            )
        except (transport_errors.TransportError, OSError) as error:
            diagnose()
            raise errors.Unreachable(
                'The snapshot on the source cannot be read any more.',
                detail=str(error),
                retryable=False,
            ) from error

    def extents(self, since: str | None) -> Iterator[Extent]:
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
            yield from extents
        except transport_errors.ConnectionLost:
            self._diagnose()
            raise

    def readinto(self, offset: int, view: memoryview) -> None:
        try:
            super().readinto(offset, view)
        except transport_errors.ConnectionLost:
            self._diagnose()
            raise

    def clone(self) -> SnapshotReader:
        return SnapshotReader(self._served, self._diagnose, self.size)
