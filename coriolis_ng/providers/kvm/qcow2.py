# SPDX-License-Identifier: Apache-2.0
"""qcow2 files on this machine: their headers, and ``qemu-img``.

The header is read without a lock, so a file that QEMU has open can be asked
too. Its layout is that of QEMU's ``docs/interop/qcow2.txt``.
"""

from __future__ import annotations

import json
import os
import pathlib
import struct
import subprocess
from typing import Any

from coriolis_ng.objects import Value
from coriolis_ng.providers import errors

_MAGIC = b'QFI\xfb'
_HEADER = struct.Struct('>4sIQIIQ')
BUSY = ('Failed to get', 'Is another process using the image')


class Header(Value):
    """``backing`` is what the file names, '' for none; ``size`` the virtual
    size in bytes."""

    version: int
    size: int
    backing: str = ''


def find_header(path: str | os.PathLike[str]) -> Header | None:
    """The header; None for what is no qcow2 file or cannot be read."""
    try:
        with open(path, 'rb') as file:
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size:
                return None
            magic, version, offset, length, _, size = _HEADER.unpack(head)
            if magic != _MAGIC:
                return None
            backing = ''
            if offset:
                file.seek(offset)
                backing = file.read(length).decode(errors='surrogateescape')
    except OSError:
        return None
    return Header(version=version, size=size, backing=backing)


class ImageBusy(errors.Conflict):
    """Another process has the file open."""


def qemu_img(*argv: str | os.PathLike[str]) -> str:
    """Runs ``qemu-img``; raises ``ImageBusy`` or ``Conflict``."""
    words = [os.fspath(word) for word in argv]
    done = subprocess.run(
        ['qemu-img', *words],
        check=False,
        capture_output=True,
        text=True,
        errors='replace',
        env={**os.environ, 'LC_ALL': 'C'},
    )
    if done.returncode == 0:
        return done.stdout
    text = done.stderr.strip()
    detail = f'qemu-img {" ".join(words)}: {text}'
    if any(word in text for word in BUSY):
        raise ImageBusy(
            'A disk file is in use by another process.', detail=detail
        )
    if 'No space left' in text:
        raise errors.QuotaExceeded(
            'There is no space left in the storage pool.', detail=detail
        )
    last = text.splitlines()[-1] if text else 'no reason given'
    raise errors.Conflict(f'qemu-img failed: {last}', detail=detail)


def info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """``qemu-img info`` of a file that may be in use."""
    found: dict[str, Any] = json.loads(
        qemu_img('info', '-U', '--output=json', path)
    )
    return found


def refuse_writers(path: str | os.PathLike[str]) -> None:
    """Raises ``ImageBusy`` when somebody has the file open to write."""
    # Without -U it takes the lock that a writer does not share.
    qemu_img('info', path)


def bitmaps(path: str | os.PathLike[str]) -> dict[str, bool]:
    """Names of persistent bitmaps, and whether each is usable.

    A bitmap stays ``in-use`` in the file when QEMU died: it is then not
    what happened. For a file that a running QEMU has open that means
    nothing.
    """
    data = info(path).get('format-specific', {}).get('data', {})
    return {
        one['name']: 'in-use' not in one['flags']
        for one in data.get('bitmaps', ())
    }


def create(path: pathlib.Path, size: int) -> None:
    """A fresh file; never half of one under its final name."""
    half = path.with_name(path.name + '.half')
    half.unlink(missing_ok=True)
    # Lazy refcounts and preallocation stay off: what was never written
    # reads as zeros, which Volume.zeroed says.
    qemu_img('create', '-q', '-f', 'qcow2', half, str(size))
    half.chmod(0o600)
    half.rename(path)


def overlay(
    path: pathlib.Path, backing: str, form: str, size: int | None = None
) -> None:
    """A file that shows ``backing``; a relative one is beside it."""
    half = path.with_name(path.name + '.half')
    half.unlink(missing_ok=True)
    argv = ['create', '-q', '-f', 'qcow2', '-b', backing, '-F', form]
    argv.append(os.fspath(half))
    if size is not None:
        argv.append(str(size))
    qemu_img(*argv)
    half.chmod(0o600)
    half.rename(path)


def is_empty(path: pathlib.Path) -> bool:
    """Whether nothing was ever written to the file, backing apart."""
    found = json.loads(qemu_img('map', '-U', '--output=json', path))
    return not any(one['present'] and one['data'] for one in found)


def format_of(path: str | os.PathLike[str]) -> str:
    """qcow2 by its magic, else raw."""
    return 'raw' if find_header(path) is None else 'qcow2'
