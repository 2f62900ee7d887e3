# SPDX-License-Identifier: Apache-2.0
"""Writes to a raw image file or a block device of this machine."""

from __future__ import annotations

import os

from coriolis_ng.transport import errors
from coriolis_ng.transport.agent import disks


class FileSink:
    """A file or block device that exists and has its final size.

    It shares the device I/O with the agent, which does the same on another
    machine.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.lseek(self._fd, 0, os.SEEK_END)

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise errors.OutOfRange(
                'A write would leave the disk.',
                detail=f'{length} at {offset} of {self.size}, {self._path}',
            )

    def write(self, offset: int, view: memoryview) -> None:
        """Write all of ``view``; ``OutOfRange``, ``OSError`` of the device."""
        self._check(offset, len(view))
        disks.write_all(self._fd, view, offset)

    def zero(self, offset: int, length: int) -> None:
        """Zero a range, without giving its space back where the kernel can do
        so."""
        self._check(offset, length)
        if length:
            disks.zero(self._fd, offset, length)

    def discard(self, offset: int, length: int) -> None:
        """Zero a range and give its space back where the kernel can do so."""
        self._check(offset, length)
        if length:
            disks.discard(self._fd, offset, length)

    def flush(self) -> None:
        """Durable by ``fsync``, for all that have the file open."""
        os.fsync(self._fd)

    def clone(self) -> FileSink:
        """Opens the path again."""
        return FileSink(self._path)

    def close(self) -> None:
        """Closes the file without a flush; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
