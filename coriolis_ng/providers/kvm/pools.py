# SPDX-License-Identifier: Apache-2.0
"""Directory pools, and the names of our files in them.

A file of ours is ``coriolis-<12 hex digits>-<what>``; the digits stand for
the tag of the task that makes it. Its id in the ledger is ``pool/file``.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
from collections.abc import Iterator

import libvirt

from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import domainxml
from coriolis_ng.providers.kvm.connection import Access, parse, told

PREFIX = 'coriolis-'
KINDS = ('dir', 'fs', 'netfs')


class Pools:
    """Finds the files behind ids."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def folder(self, name: str) -> pathlib.Path:
        """The pool's directory; ``NotFound`` or ``Unsupported``."""
        pool = self._access.pool(name)
        with told(f'storage pool {name!r}'):
            root = parse(pool.XMLDesc())
        if root.get('type') not in KINDS:
            raise errors.Unsupported(
                f'The storage pool {name!r} is of type {root.get("type")}; '
                f'a destination needs a directory ({", ".join(KINDS)}).'
            )
        folder = pathlib.Path(root.findtext('./target/path', ''))
        if not self._access.local or not folder.is_dir():
            raise errors.Unsupported(
                f'The storage pool {name!r} is not on this host: run a '
                'worker there.'
            )
        return folder

    def path(self, id: str) -> pathlib.Path:
        """The file of an id; never one that is not ours."""
        pool, _, name = id.partition('/')
        if not name.startswith(PREFIX) or '/' in name:
            raise errors.Conflict(f'{id} is not a file of ours.')
        return self.folder(pool) / name

    def find_path(self, id: str) -> pathlib.Path | None:
        """As ``path``, None where the pool is gone."""
        try:
            return self.path(id)
        except errors.NotFound:
            return None

    def refresh(self, name: str) -> None:
        """Tells libvirt of new files; it is only the view that others
        have, so a failure does not matter."""
        with contextlib.suppress(libvirt.libvirtError):
            self._access.conn.storagePoolLookupByName(name).refresh()

    def folders(self) -> Iterator[tuple[str, pathlib.Path]]:
        """Names and directories of the pools that are started and of files,
        by name."""
        with told('listing storage pools'):
            names = [
                pool.name()
                for pool in self._access.conn.listAllStoragePools()
                if pool.isActive()
            ]
        for name in sorted(names):
            with contextlib.suppress(errors.Unsupported):
                yield name, self.folder(name)

    def tagged(self, short: str) -> Iterator[str]:
        """Ids of all files that the task with these digits made."""
        for name, folder in self.folders():
            for path in sorted(folder.iterdir()):
                if _made_by(path.name, short):
                    yield f'{name}/{path.name}'


def file_name(tag: str, what: str) -> str:
    """The name of a file that the task of that tag makes."""
    return f'{PREFIX}{domainxml.short(tag)}-{safe(what)}'


def safe(text: str) -> str:
    """``text`` as a part of a file name."""
    return re.sub(r'[^A-Za-z0-9_]+', '_', text)[:32] or '_'


def _made_by(name: str, short: str) -> bool:
    """A point begins with its volume's digits and ends with its own."""
    if not name.startswith(PREFIX):
        return False
    first, _, rest = name.partition('.')
    own, dot, _ = rest.partition('.')
    if dot and re.fullmatch('[0-9a-f]{12}', own):
        return own == short
    return first.startswith(f'{PREFIX}{short}-')
