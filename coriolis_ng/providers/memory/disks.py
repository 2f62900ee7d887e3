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
        kind, id, disk = self._at
        found = self._client.read(
            kind, id, disk=disk, offset=offset, length=len(view)
        )
        view[:] = found

    def clone(self) -> MemoryReader:
        kind, id, disk = self._at
        return MemoryReader(self._client.clone(), kind, id, disk, self.size)

    def close(self) -> None:
        self._client.close()


class MemorySink:
    """A volume; the cloud checks each digest before it writes."""

    algorithm = DEFAULT

    def __init__(
        self, client: Client, id: str, size: int, attempt: int
    ) -> None:
        self._client = client
        self._id = id
        self._attempt = attempt
        self.size = size

    def write(self, offset: int, view: memoryview) -> None:
        self.write_verified(offset, view, digest(view))

    def write_verified(
        self, offset: int, view: memoryview, digest: bytes
    ) -> int:
        self._client.write(
            self._id,
            view,
            offset=offset,
            attempt=self._attempt,
            digest=digest.hex(),
        )
        return len(view)

    def zero(self, offset: int, length: int) -> None:
        self._client.call(
            'zero',
            id=self._id,
            offset=offset,
            length=length,
            attempt=self._attempt,
        )

    def discard(self, offset: int, length: int) -> None:
        self.zero(offset, length)

    def flush(self) -> None:
        """Nothing is ever held back here."""

    def digests(self, offset: int, length: int, block: int) -> list[bytes]:
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
        return MemorySink(
            self._client.clone(), self._id, self.size, self._attempt
        )

    def close(self) -> None:
        self._client.close()
