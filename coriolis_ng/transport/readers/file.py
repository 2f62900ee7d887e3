# SPDX-License-Identifier: Apache-2.0
"""Reads a raw image file or a block device of this machine."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from coriolis_ng.transport import errors
from coriolis_ng.transport.extents import Extent, Kind


class FileReader:
    """A file or block device, whose holes the file system knows.

    ``lseek(2)``: SEEK_DATA and SEEK_HOLE; where they are not supported, as
    on block devices, everything is data.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.lseek(self._fd, 0, os.SEEK_END)

    def extents(self, since: str | None) -> Iterator[Extent]:
        """Data and holes as ``lseek`` tells them; ``NoChangeTracking`` for any
        ``since``."""
        if since is not None:
            raise errors.NoChangeTracking(
                'A plain file does not know what changed in it.',
                detail=f'since {since!r} of {self._path}',
            )
        return self._allocation()

    def _allocation(self) -> Iterator[Extent]:
        at = 0
        while at < self.size:
            data = self._seek(at, os.SEEK_DATA)
            if data > at:
                yield Extent(start=at, length=data - at, kind=Kind.HOLE)
            if data >= self.size:
                return
            hole = self._seek(data, os.SEEK_HOLE)
            yield Extent(start=data, length=hole - data, kind=Kind.DATA)
            at = hole

    def _seek(self, at: int, whence: int) -> int:
        try:
            return min(os.lseek(self._fd, at, whence), self.size)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return self.size
            if error.errno != errno.EINVAL:
                raise
            return at if whence == os.SEEK_DATA else self.size

    def readinto(self, offset: int, view: memoryview) -> None:
        """Fill ``view``; ``ShortRead`` past the end, ``OSError`` of the
        device."""
        done = 0
        while done < len(view):
            count = os.preadv(self._fd, [view[done:]], offset + done)
            if count == 0:
                raise errors.ShortRead(
                    'The source ended too early.',
                    detail=f'{self._path} at {offset + done}',
                )
            done += count

    def clone(self) -> FileReader:
        """Opens the path again: the file that has that name by now."""
        return FileReader(self._path)

    def close(self) -> None:
        """Closes the file; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
