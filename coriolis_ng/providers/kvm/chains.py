# SPDX-License-Identifier: Apache-2.0
"""Recovery points as a chain of qcow2 files in one directory.

A replica's volume keeps its name for ever; it is the top of a chain. To make
a point, the present file gets a second name (a hard link, the point's), and a
fresh overlay of the point is renamed over the volume's name: at every moment
both names are whole, and each step can be done again. A point is never
written to, so a clone is an overlay of it, made at once.

    vda.qcow2 -> vda.P3.qcow2 -> vda.P2.qcow2 -> vda.P1.qcow2
                      ^ clone of P3

A point is dropped by marking it ``.gone``. What is marked is merged with the
one file that lies on it, in the direction that copies less: its child is
committed into it, after which it takes the child's name, or the child takes
its data over. Neither touches a file that somebody has open: such a merge
waits for the next call. A point that a deployment's disk lies on is not
dropped (``Conflict``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import qcow2

SUFFIX = '.qcow2'
GONE = '.gone'


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """One change of chains at a time, over all processes of this host."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def point_name(volume: str, short: str) -> str:
    """The file of a point of ``volume``, a file name."""
    return f'{volume.removesuffix(SUFFIX)}.{short}{SUFFIX}'


def volume_of(name: str) -> str:
    """The volume whose point (or which itself) ``name`` is."""
    return name.removesuffix(SUFFIX).partition('.')[0] + SUFFIX


def children(path: pathlib.Path) -> list[pathlib.Path]:
    """The files of the directory that lie directly on ``path``."""
    found = []
    for other in sorted(path.parent.glob(f'*{SUFFIX}')):
        header = qcow2.find_header(other)
        if header is not None and header.backing == path.name:
            found.append(other)
    return found


def freeze(volume: pathlib.Path, point: pathlib.Path) -> None:
    """Makes the point from what the volume holds now. May be repeated."""
    with locked(volume.parent):
        header = qcow2.find_header(volume)
        if header is None:
            raise errors.NotFound(f'There is no volume {volume.name}.')
        if point.exists() and not point.samefile(volume):
            if header.backing == point.name:
                return
            raise errors.Conflict(
                f'{point.name} is there already, and not below its volume.'
            )
        # Who writes to the file would go on writing to the point.
        qcow2.refuse_writers(volume)
        if not point.exists():
            os.link(volume, point)
        qcow2.overlay(volume, point.name, 'qcow2')
        _sync(volume.parent)


def restore(volume: pathlib.Path, point: pathlib.Path) -> None:
    """The volume holds what the point holds; newer points stay."""
    with locked(volume.parent):
        if qcow2.find_header(point) is None or is_gone(point):
            raise errors.NotFound(f'There is no recovery point {point.name}.')
        if volume.exists():
            qcow2.refuse_writers(volume)
        qcow2.overlay(volume, point.name, 'qcow2')
        _sync(volume.parent)
        settle(volume.parent)


def clone(point: pathlib.Path, path: pathlib.Path) -> None:
    """A writable file with the point's content. May be repeated."""
    with locked(point.parent):
        if qcow2.find_header(point) is None or is_gone(point):
            raise errors.NotFound(f'There is no recovery point {point.name}.')
        header = qcow2.find_header(path)
        if header is None or header.backing != point.name:
            qcow2.overlay(path, point.name, 'qcow2')
        _sync(point.parent)


def is_gone(point: pathlib.Path) -> bool:
    """Whether the point was dropped while clones still lie on its file."""
    return _marker(point).exists()


def drop_point(point: pathlib.Path) -> None:
    """Silent when it is not there; ``Conflict`` when a clone lies on it."""
    with locked(point.parent):
        if point.exists():
            volume = volume_of(point.name)
            clones = [
                child.name
                for child in children(point)
                if volume_of(child.name) != volume
            ]
            if clones:
                raise errors.Conflict(
                    'The recovery point is in use by disks of a deployment: '
                    f'{", ".join(clones)}.'
                )
            _marker(point).touch()
        settle(point.parent)


def drop_volume(path: pathlib.Path) -> None:
    """Removes a volume or a clone, and what was kept only for it."""
    with locked(path.parent):
        if not children(path):
            path.unlink(missing_ok=True)
        else:
            _marker(path).touch()
        settle(path.parent)


def settle(folder: pathlib.Path) -> None:
    """Merges or removes all that is marked, as far as nobody uses it."""
    settled = True
    while settled:
        # One that went may free another that had to wait.
        marked = [
            marker.with_name(marker.name.removesuffix(GONE))
            for marker in sorted(folder.glob(f'*{SUFFIX}{GONE}'))
        ]
        settled = any([_settle_one(path) for path in marked])


def _settle_one(path: pathlib.Path) -> bool:
    """False when it must wait."""
    above = children(path)
    if len(above) > 1:
        return False
    try:
        if above:
            _merge(path, above[0])
        else:
            path.unlink(missing_ok=True)
    except qcow2.ImageBusy:
        return False
    _marker(path).unlink(missing_ok=True)
    return True


def _merge(path: pathlib.Path, child: pathlib.Path) -> None:
    if _allocated(child) <= _allocated(path):
        # Until the rename both are whole: done again it gives the same.
        qcow2.qemu_img('commit', '-q', '-d', '-f', 'qcow2', child)
        path.rename(child)
        _sync(path.parent)
        return
    header = qcow2.find_header(path)
    below = header.backing if header else ''
    argv = ['rebase', '-q', '-f', 'qcow2', '-b', below]
    argv += ['-F', 'qcow2'] if below else []
    qcow2.qemu_img(*argv, child)
    path.unlink()


def _allocated(path: pathlib.Path) -> int:
    return path.stat().st_blocks * 512


def _marker(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(path.name + GONE)


def _sync(folder: pathlib.Path) -> None:
    """Makes names durable: the ledger's rows are."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
