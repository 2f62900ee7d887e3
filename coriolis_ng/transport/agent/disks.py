# SPDX-License-Identifier: Apache-2.0
"""The disks that the agent may touch, and what can be done with them.

Only what its configuration names is ever opened.  Runs on Python 3.6.
"""

import ctypes
import ctypes.util
import errno
import glob
import os
import re
import stat
import threading
from typing import Any, Dict, Set, Union

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02
_ZERO_RANGE = 0x10

_UNSUPPORTED = (
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EINVAL,
    errno.ENODEV,
    errno.EPERM,
)
ZEROES = bytes(1024 * 1024)
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z')
SERIAL = re.compile(r'[A-Za-z0-9._-]{1,64}\Z')


def _fallocate_of_libc() -> Any:
    name = ctypes.util.find_library('c') or 'libc.so.6'
    try:
        function = ctypes.CDLL(name, use_errno=True).fallocate
    except (OSError, AttributeError):
        return None
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int64,
        ctypes.c_int64,
    ]
    return function


_fallocate = _fallocate_of_libc()


def _try_fallocate(fd: int, mode: int, offset: int, length: int) -> bool:
    """Whether the range was changed; raises for what is no lack of support."""
    if _fallocate is None:
        return False
    while _fallocate(fd, mode, offset, length) != 0:
        number = ctypes.get_errno()
        if number == errno.EINTR:
            continue
        if number in _UNSUPPORTED:
            return False
        raise OSError(number, os.strerror(number))
    return True


def write_all(fd: int, view: memoryview, offset: int) -> None:
    """pwrite() until everything is written."""
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], offset + done)


def read_all(fd: int, view: memoryview, offset: int) -> None:
    """Fill ``view``; EOFError when the device ends before."""
    done = 0
    while done < len(view):
        count = _read_some(fd, view[done:], offset + done)
        if count == 0:
            raise EOFError('device ends at %d' % (offset + done))
        done += count


def _read_some(fd: int, view: memoryview, offset: int) -> int:
    # preadv() came with Python 3.7 and saves a copy.
    preadv = getattr(os, 'preadv', None)
    if preadv is not None:
        return int(preadv(fd, [view], offset))
    data = os.pread(fd, len(view), offset)
    view[: len(data)] = data
    return len(data)


def write_zeroes(fd: int, offset: int, length: int) -> None:
    """Zeroes the slow way, that every device knows."""
    view = memoryview(ZEROES)
    while length:
        part = view[: min(length, len(view))]
        write_all(fd, part, offset)
        offset += len(part)
        length -= len(part)


def zero(fd: int, offset: int, length: int) -> None:
    """The range reads as zero; kept allocated where that is cheap.

    On a block device the kernel turns both modes into a zero-out that does
    not depend on what a discard leaves behind (blkdev_fallocate).
    """
    for mode in (_ZERO_RANGE | _KEEP_SIZE, _PUNCH_HOLE | _KEEP_SIZE):
        if _try_fallocate(fd, mode, offset, length):
            return
    write_zeroes(fd, offset, length)


def discard(fd: int, offset: int, length: int) -> None:
    """The range reads as zero, and its space is given back if possible."""
    if not _try_fallocate(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, length):
        zero(fd, offset, length)


class Disk:
    """One file or block device, opened when first used.

    A volume may be attached after the agent was started.
    """

    def __init__(self, name: str, where: Union[str, Dict[str, str]]) -> None:
        self.name = name
        self._where = where
        self._fd = -1
        self._size = 0
        self._lock = threading.Lock()

    def open(self) -> int:
        """The descriptor; OSError when there is no such device (yet)."""
        with self._lock:
            if self._fd < 0:
                fd = os.open(self.path(), os.O_RDWR | os.O_CLOEXEC)
                mode = os.fstat(fd).st_mode
                if not (stat.S_ISBLK(mode) or stat.S_ISREG(mode)):
                    os.close(fd)
                    raise OSError(errno.ENOTBLK, 'not a disk', self.path())
                self._size = os.lseek(fd, 0, os.SEEK_END)
                self._fd = fd
            return self._fd

    def size(self) -> int:
        """Its size in bytes, as it was when it was first opened."""
        self.open()
        return self._size

    def path(self) -> str:
        """The device now: serials are looked up each time. ``OSError`` when
        there is none."""
        if isinstance(self._where, str):
            return self._where
        return find_serial(self._where['serial'])

    def flush(self) -> None:
        """What was written before is durable afterwards; ``OSError``."""
        os.fsync(self.open())


def find_serial(serial: str, root: str = '/') -> str:
    """The device that carries ``serial``; OSError when there is none.

    virtio-blk cuts a serial at 20 characters, so it is compared cut, too.
    """
    link = os.path.join(root, 'dev/disk/by-id', 'virtio-' + serial[:20])
    if os.path.exists(link):
        return link
    found: Set[str] = set()
    for pattern in ('serial', 'device/serial', 'device/vpd_pg80'):
        for path in glob.glob(os.path.join(root, 'sys/block/*', pattern)):
            try:
                with open(path, 'rb') as file:
                    text = file.read(256)
            except OSError:
                continue
            if pattern.endswith('vpd_pg80'):
                text = text[4:]
            seen = text.decode('ascii', 'replace').strip(' \0\r\n\t')
            if seen and seen in (serial, serial[:20]):
                found.add(path[len(os.path.join(root, 'sys/block/')) :])
    names = sorted({name.split('/')[0] for name in found})
    if len(names) != 1:
        raise OSError(
            errno.ENODEV, '%d devices with serial %s' % (len(names), serial)
        )
    return os.path.join(root, 'dev', names[0])


def disks_of(config: Dict[str, Any]) -> Dict[str, Disk]:
    """``{name: Disk}`` of the configuration; ValueError when it is wrong."""
    disks = {}
    for name, where in config.items():
        if not NAME.match(name):
            raise ValueError('bad disk name %r' % name)
        if isinstance(where, dict):
            serial = where.get('serial')
            if not isinstance(serial, str) or not SERIAL.match(serial):
                raise ValueError('bad serial of disk %r' % name)
        elif not (isinstance(where, str) and os.path.isabs(where)):
            raise ValueError('path of disk %r is not absolute' % name)
        disks[name] = Disk(name, where)
    return disks
