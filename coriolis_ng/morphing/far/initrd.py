# SPDX-License-Identifier: Apache-2.0
"""The names in an initrd, without writing any of it.

An initrd is a chain of cpio archives ("newc" form), the last one usually
compressed: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
Standard library only, Python 3.6 on: it also runs on the worker machine.
"""

import lzma
import os
import subprocess
import zlib

CHUNK = 256 * 1024
HEADER = 110
MAGICS = (b'070701', b'070702')
PROGRAMS = {
    b'\x28\xb5\x2f\xfd': ['zstd', '-dcq'],
    b'\x02\x21\x4c\x18': ['lz4', '-dcq'],
    b'\x04\x22\x4d\x18': ['lz4', '-dcq'],
    b'BZh': ['bzip2', '-dc'],
}


class Unreadable(Exception):
    """A form that is not known here, or its program is missing."""


def names(path, chroot=None):
    """The paths in the initrd ``path``, in order.

    ``chroot`` is a folder whose programs unpack what this machine cannot:
    what made the initrd is there. Raises ``Unreadable``.
    """
    with open(path, 'rb') as file:
        found = []
        while True:
            head = file.read(6)
            while head[:1] == b'\0':  # padding between the archives
                head = head.lstrip(b'\0')
                head += file.read(6 - len(head))
            if not head:
                return found
            file.seek(-len(head), 1)
            if head not in MAGICS:
                break
            found.extend(_archive(file.read))
        with _Unpacked(file, head, path, chroot) as unpacked:
            while True:
                more = _archive(unpacked.read)
                found.extend(more)
                if not more:
                    return found


def _archive(read):
    """The names of one archive; leaves the stream after its trailer."""
    found = []
    while True:
        header = _all(read, HEADER)
        while header[:1] == b'\0':
            header = header.lstrip(b'\0')
            header += _all(read, HEADER - len(header))
        if not header:
            return found
        if header[:6] not in MAGICS or len(header) < HEADER:
            raise Unreadable('not a cpio archive')
        size = int(header[54:62], 16)
        length = int(header[94:102], 16)
        name = _all(read, length + -(HEADER + length) % 4)[: length - 1]
        if name == b'TRAILER!!!':
            return found
        found.append(name.decode('utf-8', 'replace'))
        left = size + -size % 4
        while left:
            got = len(read(min(left, CHUNK)))
            if not got:
                raise Unreadable('the archive ends early')
            left -= got


def _all(read, size):
    made = b''
    while len(made) < size:
        more = read(size - len(made))
        if not more:
            break
        made += more
    return made


class _Unpacked:
    """The rest of a file, unpacked, as a stream."""

    def __init__(self, file, head, path, chroot):
        self._file = file
        self._process = None
        self._offset = file.tell()
        self._buffer = b''
        self._at = 0
        if head[:2] == b'\x1f\x8b':
            self._unpack = zlib.decompressobj(31).decompress
        elif head == b'\xfd7zXZ\0':
            self._unpack = lzma.LZMADecompressor().decompress
        elif head[:3] == b'\x5d\0\0':
            self._unpack = lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress
        else:
            self._start(head, path, chroot)

    def _start(self, head, path, chroot):
        for magic, command in PROGRAMS.items():
            if not head.startswith(magic):
                continue
            for prefix in [[]] + ([['chroot', chroot]] if chroot else []):
                try:
                    if self._spawn(prefix + command):
                        return
                except FileNotFoundError:
                    continue
        raise Unreadable('no program for %r in %s' % (head, path))

    def _spawn(self, command):
        # The child reads from the position of the shared descriptor, which
        # is not where the buffered file believes to be.
        os.lseek(self._file.fileno(), self._offset, os.SEEK_SET)
        process = subprocess.Popen(
            command,
            stdin=self._file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        first = process.stdout.read(CHUNK)
        if not first:
            process.stdout.close()
            process.wait()
            return False
        self._process, self._buffer = process, first
        return True

    def read(self, size):
        while len(self._buffer) - self._at < size:
            more = self._next()
            if not more:
                break
            self._buffer = self._buffer[self._at :] + more
            self._at = 0
        taken = self._buffer[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def _next(self):
        if self._process is not None:
            return self._process.stdout.read(CHUNK)
        while True:
            packed = self._file.read(CHUNK)
            more = self._more(packed)
            if more or not packed:
                return more

    def _more(self, packed):
        if not packed:
            return b''
        try:
            return self._unpack(packed)
        except EOFError:
            return b''
        except (zlib.error, lzma.LZMAError) as error:
            raise Unreadable(str(error)) from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process is not None:
            self._process.stdout.close()
            self._process.kill()
            self._process.wait()
