# SPDX-License-Identifier: Apache-2.0
"""Files of one tree, never outside it: the links of a guest are not ours.

Standard library only, Python 3.6 on: it also runs on the worker machine.
"""

import errno
import os
import stat

MAX_LINKS = 40
MAX_BYTES = 32 * 1024 * 1024


class Tree:
    """A directory as if it were ``/``.

    Every path is resolved here, component by component: an absolute link
    starts again at the tree's top, and ``..`` never climbs above it. The
    guest does not run while we look, so nobody races us.
    """

    def __init__(self, top):
        self.top = os.path.realpath(top)

    def real(self, path, last=True):
        """The path on this machine; ``last`` follows a link at the end."""
        todo = [part for part in reversed(path.split('/')) if part]
        done = []
        links = 0
        while todo:
            part = todo.pop()
            if part == '.':
                continue
            if part == '..':
                del done[-1:]
                continue
            here = os.path.join(self.top, *(done + [part]))
            if not os.path.islink(here) or (not todo and not last):
                done.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, 'too many links', path)
            target = os.readlink(here)
            if target.startswith('/'):
                done = []
            todo.extend(p for p in reversed(target.split('/')) if p)
        return os.path.join(self.top, *done)

    def read(self, path):
        """The bytes of a regular file; a device or a pipe would hang."""
        real = self.real(path)
        found = os.stat(real)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, 'not a regular file', path)
        if found.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, 'too large', path)
        with open(real, 'rb') as file:
            return file.read(MAX_BYTES)

    def write(self, path, data, mode=None):
        """Replace a file as a whole; it keeps owner and mode when it was
        there. Missing folders are made."""
        real = self.real(path)
        folder = os.path.dirname(real)
        if not os.path.isdir(folder):
            os.makedirs(folder, 0o755)
        try:
            old = os.stat(real)
        except FileNotFoundError:
            old = None
        part = real + '.coriolis-part'
        with open(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb'
        ) as file:
            file.write(data)
        if old is not None:
            os.chown(part, old.st_uid, old.st_gid)
            mode = stat.S_IMODE(old.st_mode) if mode is None else mode
        os.chmod(part, 0o644 if mode is None else mode)
        os.rename(part, real)

    def kind(self, path):
        """``file``, ``dir``, ``link``, ``other`` or ``None``."""
        try:
            mode = os.lstat(self.real(path, last=False)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(mode):
            return 'file'
        if stat.S_ISDIR(mode):
            return 'dir'
        return 'link' if stat.S_ISLNK(mode) else 'other'

    def exists(self, path):
        """Whether there is something, at the end of links."""
        return os.path.lexists(self.real(path))

    def list(self, path):
        """The sorted names in a folder; empty when it is not there."""
        try:
            return sorted(os.listdir(self.real(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def readlink(self, path):
        """Where a link points to, as it is written; ``OSError`` for other
        files."""
        return os.readlink(self.real(path, last=False))

    def symlink(self, target, path):
        """Make or replace a link; ``target`` is kept as it is given."""
        real = self.real(path, last=False)
        if os.path.lexists(real):
            os.remove(real)
        os.makedirs(os.path.dirname(real), 0o755, exist_ok=True)
        os.symlink(target, real)

    def remove(self, path):
        """Remove a file or a link (not what it points to); whether it was
        there."""
        try:
            os.remove(self.real(path, last=False))
        except FileNotFoundError:
            return False
        return True

    def rename(self, old, new):
        """Move within the guest, replacing what is there; links are moved
        themselves."""
        os.rename(self.real(old, last=False), self.real(new, last=False))

    def copy(self, old, new):
        """A file's content (at most 32 MiB) to another path; owner and mode
        are of a new file."""
        self.write(new, self.read(old))

    def chmod(self, path, mode):
        """Set the mode at the end of links."""
        os.chmod(self.real(path), mode)

    def mode(self, path):
        """The permission bits at the end of links."""
        return stat.S_IMODE(os.stat(self.real(path)).st_mode)

    def size(self, path):
        """Bytes of the file at the end of links."""
        return os.stat(self.real(path)).st_size
