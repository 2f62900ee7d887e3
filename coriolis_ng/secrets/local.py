# SPDX-License-Identifier: Apache-2.0
"""The built-in secret store: AES-256-GCM, the key in a file.

Rows hold ciphertext only; the key file lies outside the database, so that
neither a dump nor a backup of it gives a secret away.
"""

from __future__ import annotations

import base64
import os
import pathlib
import stat
import tempfile
from collections.abc import Callable, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coriolis_ng import errors
from coriolis_ng.objects import new_id

MAX_PAYLOAD = 1024 * 1024  # user scripts are the largest
KEY_BYTES = 32
_VERSION = b'\x01'
_MARK_BYTES = 4  # tells which key of the file a row was made with
_NONCE_BYTES = 12

_UNREADABLE = (
    'A stored secret cannot be read: the key file of the service is not the '
    'one that it was stored with. An operator has to put the right keys back; '
    'then execute again.'
)


class Rows(Protocol):
    """Where ciphertext is kept; ``get`` raises ``NotFound``."""

    def put(self, id: str, project_id: str, ciphertext: bytes) -> None: ...
    def get(self, id: str, project_id: str) -> bytes: ...
    def drop(self, id: str, project_id: str) -> None: ...


Keys = Callable[[], Sequence[bytes]]


class KeyFile:
    """The keys of a file, read again when the file was replaced: a rotation
    needs no restart."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = pathlib.Path(path)
        self._seen: tuple[int, int] | None = None
        self._keys = self()

    def __repr__(self) -> str:
        return f'KeyFile({self._path})'

    def __call__(self) -> list[bytes]:
        """The newest first; ``InvalidInput`` as in :func:`load_keys`."""
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns)
        except FileNotFoundError:
            seen = None
        if seen is None or seen != self._seen:
            self._keys = load_keys(self._path)
            self._seen = seen
        return self._keys


class LocalStore:
    """A ``SecretStore`` on ``rows`` with the keys of ``load_keys``, or of
    a :class:`KeyFile` that may change.

    The first key encrypts; all of them decrypt, so a key is changed by
    putting a new line on top of the file.
    """

    def __init__(self, keys: Sequence[bytes] | Keys, rows: Rows) -> None:
        self._source = keys if callable(keys) else lambda: keys
        self._ring = _Ring(self._source())
        self._rows = rows

    def __repr__(self) -> str:
        return 'LocalStore(***)'

    def put(
        self, payload: bytes, *, project_id: str, ref: str | None = None
    ) -> str:
        """Raises ``InvalidInput`` for more than 1 MiB."""
        if len(payload) > MAX_PAYLOAD:
            raise errors.InvalidInput(
                f'a secret has at most {MAX_PAYLOAD} bytes', field='payload'
            )
        ref = ref or new_id()
        self._rows.put(
            ref, project_id, self._current().seal(payload, ref, project_id)
        )
        return ref

    def get(self, ref: str, *, project_id: str) -> bytes:
        """``NotFound`` also for another project's; ``CorruptData`` when no
        key of the file fits or the row was changed."""
        row = self._rows.get(ref, project_id)
        return self._current().open(row, ref, project_id)

    def renewed(self, row: bytes, ref: str, project_id: str) -> bytes | None:
        """The ciphertext under the newest key; None where it is already."""
        ring = self._current()
        if ring.is_newest(row):
            return None
        return ring.seal(ring.open(row, ref, project_id), ref, project_id)

    def drop(self, ref: str, *, project_id: str) -> None:
        """Silent when it is gone."""
        self._rows.drop(ref, project_id)

    def _current(self) -> _Ring:
        keys = self._source()
        if not self._ring.is_of(keys):
            self._ring = _Ring(keys)
        return self._ring


class _Ring:
    """All keys of a file at one time."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._of = tuple(keys)
        self._ciphers = {_mark(key): AESGCM(_derived(key)) for key in keys}
        self._newest = _mark(keys[0])

    def is_of(self, keys: Sequence[bytes]) -> bool:
        return self._of == tuple(keys)

    def is_newest(self, row: bytes) -> bool:
        return row.startswith(_VERSION + self._newest)

    def seal(self, payload: bytes, ref: str, project_id: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(
            nonce, payload, _bound_to(ref, project_id)
        )
        return _VERSION + self._newest + nonce + sealed

    def open(self, row: bytes, ref: str, project_id: str) -> bytes:
        head = len(_VERSION) + _MARK_BYTES
        mark, nonce = row[1:head], row[head : head + _NONCE_BYTES]
        key = self._ciphers.get(mark)
        if row[:1] != _VERSION or key is None:
            raise errors.CorruptData(
                _UNREADABLE,
                detail='it was made with a key that is not in the key file',
            )
        try:
            return key.decrypt(
                nonce, row[head + _NONCE_BYTES :], _bound_to(ref, project_id)
            )
        except InvalidTag:
            raise errors.CorruptData(
                'A stored secret cannot be read: its row was changed.',
                detail='the row was changed, or moved, since it was made',
            ) from None


def load_keys(path: str | os.PathLike[str]) -> list[bytes]:
    """The keys of a file, one base64 line each, the newest first.

    A missing file is made with one new key, readable by its owner only;
    two processes that start together use the same. Raises ``InvalidInput``
    for a file that others may read, or with anything else in it.
    """
    place = pathlib.Path(path)
    if not place.exists():
        _make(place)
    if stat.S_IMODE(place.stat().st_mode) & 0o077:
        raise errors.InvalidInput(
            f'{place} can be read by others: chmod 0600', field='key_file'
        )
    lines = place.read_text('ascii', errors='replace').split()
    try:
        keys = [base64.b64decode(line, validate=True) for line in lines]
    except ValueError:
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise errors.InvalidInput(
            f'{place} must hold keys of {KEY_BYTES} bytes in base64, one in'
            ' a line',
            field='key_file',
        )
    return keys


def save_keys(path: str | os.PathLike[str], keys: Sequence[bytes]) -> None:
    """Replaces the file in one step; for its owner only."""
    place = pathlib.Path(path)
    os.replace(_written(place, keys), place)


def new_key() -> bytes:
    """A random one."""
    return os.urandom(KEY_BYTES)


def _make(place: pathlib.Path) -> None:
    """A link fails when another process was first: its key counts."""
    place.parent.mkdir(parents=True, exist_ok=True)
    name = _written(place, [new_key()])
    try:
        os.link(name, place)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)


def _written(place: pathlib.Path, keys: Sequence[bytes]) -> str:
    """The name of a file beside it, durable and for its owner only."""
    handle, name = tempfile.mkstemp(dir=place.parent, prefix='.key-')
    with os.fdopen(handle, 'wb') as file:
        for key in keys:
            file.write(base64.b64encode(key) + b'\n')
        file.flush()
        os.fsync(file.fileno())
    return name


def _derived(key: bytes) -> bytes:
    """One file serves several purposes, each with a key of its own."""
    return HKDF(hashes.SHA256(), 32, None, b'coriolis store').derive(key)


def _mark(key: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _MARK_BYTES, None, b'coriolis mark').derive(
        key
    )


def _bound_to(ref: str, project_id: str) -> bytes:
    """A row copied to another id or project does not decrypt."""
    return f'{ref}/{project_id}'.encode()
