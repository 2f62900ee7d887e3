# SPDX-License-Identifier: Apache-2.0
"""Readers and sinks of the memory cloud's disks."""

from __future__ import annotations

from collections.abc import Iterator

from coriolis_ng import errors
from coriolis_ng.providers.memory.client import Client
from coriolis_ng.transport.digest import DEFAULT, digest
from coriolis_ng.transport.errors import NoChangeTracking
from coriolis_ng.transport.extents import Extent, Kind

KINDS = {'data': Kind.DATA, 'zero': Kind.ZERO, 'hole': Kind.HOLE}


class MemoryReader:
    """``kind`` is snapshot (with ``disk``), volume_snapshot or volume."""

    def __init__(
        self, client: Client, kind: str, id: str, disk: str, size: int
    ) -> None:
        self._client = client
        self._at = (kind, id, disk)
        self.size = size

    def extents(self, since: str | None) -> Iterator[Extent]:
        """Of a snapshot's disk also ``since`` a checkpoint;
        ``NoChangeTracking``."""
        kind, id, disk = self._at
        try:
            found = self._client.call(
                'extents', kind=kind, id=id, disk=disk, since=since
            )
        except errors.Conflict as error:
            raise NoChangeTracking(error.message) from None
        for start, length, word in found['extents']:
            yield Extent(start=start, length=length, kind=KINDS[word])

    def readinto(self, offset: int, view: memoryview) -> None:
        """One request for all of ``view``; ``InvalidInput`` past the end."""
        kind, id, disk = self._at
        found = self._client.read(
            kind, id, disk=disk, offset=offset, length=len(view)
        )
        view[:] = found

    def clone(self) -> MemoryReader:
        """Another stream with a connection of its own."""
        kind, id, disk = self._at
        return MemoryReader(self._client.clone(), kind, id, disk, self.size)

    def close(self) -> None:
        """Closes its connection."""
        self._client.close()


class MemorySink:
    """A volume on a machine; the cloud checks each digest before it
    writes."""

    algorithm = DEFAULT

    def __init__(
        self, client: Client, id: str, size: int, machine: str, attempt: int
    ) -> None:
        self._client = client
        self._id = id
        self._machine = machine
        self._attempt = attempt
        self.size = size

    def write(self, offset: int, view: memoryview) -> None:
        """Write with a digest that is computed here."""
        self.write_verified(offset, view, digest(view))

    def write_verified(
        self, offset: int, view: memoryview, digest: bytes
    ) -> int:
        """``CorruptData`` for a wrong digest, ``Stale`` for an old attempt."""
        self._client.write(
            self._id,
            view,
            offset=offset,
            machine=self._machine,
            attempt=self._attempt,
            digest=digest.hex(),
        )
        return len(view)

    def zero(self, offset: int, length: int) -> None:
        """Zero a range; ``Stale`` for an older attempt."""
        self._client.call(
            'zero',
            id=self._id,
            offset=offset,
            length=length,
            machine=self._machine,
            attempt=self._attempt,
        )

    def discard(self, offset: int, length: int) -> None:
        """The same as ``zero``: whole blocks of zeroes take no space here."""
        self.zero(offset, length)

    def flush(self) -> None:
        """Nothing is ever held back here."""

    def digests(self, offset: int, length: int, block: int) -> list[bytes]:
        """Of what the cloud reads back."""
        found = []
        while length:
            part = min(block, length)
            data = self._client.read(
                'volume', self._id, offset=offset, length=part
            )
            found.append(digest(data))
            offset, length = offset + part, length - part
        return found

    def clone(self) -> MemorySink:
        """Another stream of the same attempt."""
        return MemorySink(
            self._client.clone(),
            self._id,
            self.size,
            self._machine,
            self._attempt,
        )

    def close(self) -> None:
        """Closes its connection."""
        self._client.close()
