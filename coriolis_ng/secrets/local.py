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
from collections.abc import Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coriolis_ng import errors
from coriolis_ng.objects import new_id

MAX_PAYLOAD = 64 * 1024
KEY_BYTES = 32
_VERSION = b'\x01'
_MARK_BYTES = 4  # tells which key of the file a row was made with
_NONCE_BYTES = 12


class Rows(Protocol):
    """Where ciphertext is kept; ``get`` raises ``NotFound``."""

    def put(self, id: str, project_id: str, ciphertext: bytes) -> None: ...
    def get(self, id: str, project_id: str) -> bytes: ...
    def drop(self, id: str, project_id: str) -> None: ...


class LocalStore:
    """A ``SecretStore`` on ``rows`` with the keys of ``load_keys``.

    The first key encrypts; all of them decrypt, so a key is changed by
    putting a new line on top of the file.
    """

    def __init__(self, keys: Sequence[bytes], rows: Rows) -> None:
        self._keys = {_mark(key): AESGCM(_derived(key)) for key in keys}
        self._newest = _mark(keys[0])
        self._rows = rows

    def __repr__(self) -> str:
        return 'LocalStore(***)'

    def put(
        self, payload: bytes, *, project_id: str, ref: str | None = None
    ) -> str:
        """Raises ``InvalidInput`` for more than 64 KiB."""
        if len(payload) > MAX_PAYLOAD:
            raise errors.InvalidInput(
                f'a secret has at most {MAX_PAYLOAD} bytes', field='payload'
            )
        ref = ref or new_id()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self._newest].encrypt(
            nonce, payload, _bound_to(ref, project_id)
        )
        self._rows.put(
            ref, project_id, _VERSION + self._newest + nonce + sealed
        )
        return ref

    def get(self, ref: str, *, project_id: str) -> bytes:
        """``NotFound`` also for another project's; ``CorruptData`` when no
        key of the file fits or the row was changed."""
        row = self._rows.get(ref, project_id)
        head = len(_VERSION) + _MARK_BYTES
        mark, nonce = row[1:head], row[head : head + _NONCE_BYTES]
        key = self._keys.get(mark)
        if row[:1] != _VERSION or key is None:
            raise errors.CorruptData(
                'a stored secret cannot be read',
                detail='it was made with a key that is not in the key file',
            )
        try:
            return key.decrypt(
                nonce, row[head + _NONCE_BYTES :], _bound_to(ref, project_id)
            )
        except InvalidTag:
            raise errors.CorruptData(
                'a stored secret cannot be read',
                detail='the row was changed, or moved, since it was made',
            ) from None

    def drop(self, ref: str, *, project_id: str) -> None:
        """Silent when it is gone."""
        self._rows.drop(ref, project_id)


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


def _make(place: pathlib.Path) -> None:
    """A link fails when another process was first: its key counts."""
    place.parent.mkdir(parents=True, exist_ok=True)
    line = base64.b64encode(os.urandom(KEY_BYTES)) + b'\n'
    handle, name = tempfile.mkstemp(dir=place.parent, prefix='.key-')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, place)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)


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
