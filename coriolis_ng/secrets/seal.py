# SPDX-License-Identifier: Apache-2.0
"""Seals a payload to one process's public key for the way over the bus.

X25519 with a fresh key for each message, HKDF-SHA256, AES-256-GCM; both
public keys go into the derivation. Whoever reads the bus learns the length.
A seal hides, it does not prove who made it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coriolis_ng import errors

_VERSION = b'\x01'
_PUBLIC_BYTES = 32
# Each message has a key of its own, so the nonce never repeats under one.
_NONCE = bytes(12)


class Key:
    """A private key that lives as long as its process; never shown."""

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private

    def __repr__(self) -> str:
        return 'Key(***)'

    @classmethod
    def generate(cls) -> Key:
        """A new one, for one incarnation of a worker."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def derived(cls, master: bytes) -> Key:
        """The same one for all who have ``master`` (32 random bytes):
        every conductor opens what was sealed to any of them."""
        seed = HKDF(hashes.SHA256(), 32, None, b'coriolis seal').derive(master)
        return cls(X25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> str:
        """The public half in base64: what others seal to."""
        return base64.b64encode(self._public_bytes).decode()

    @property
    def _public_bytes(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    def open(self, sealed: str) -> bytes:
        """See :func:`open_sealed`."""
        return open_sealed(self, sealed)


class Ring:
    """The key pairs derived from all keys of a file: the newest is told to
    others, and what was sealed to an older one is opened all the same."""

    def __init__(self, masters: Callable[[], Sequence[bytes]]) -> None:
        self._masters = masters

    def __repr__(self) -> str:
        return 'Ring(***)'

    @property
    def public(self) -> str:
        """The newest's public half."""
        return Key.derived(self._masters()[0]).public

    def open(self, sealed: str) -> bytes:
        """See :func:`open_sealed`."""
        *older, last = [Key.derived(one) for one in self._masters()]
        for key in older:
            try:
                return key.open(sealed)
            except errors.CorruptData:
                continue
        return last.open(sealed)


def seal(public_key: str, payload: bytes) -> str:
    """``payload`` as base64 that only the key's owner can open; raises
    ``InvalidInput`` for something that is no public key."""
    theirs = _decoded(public_key, 'the public key')
    if len(theirs) != _PUBLIC_BYTES:
        raise errors.InvalidInput('a public key has 32 bytes')
    once = X25519PrivateKey.generate()
    ours = once.public_key().public_bytes_raw()
    try:
        shared = once.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:  # a point that gives the same secret to everybody
        raise errors.InvalidInput('the public key is weak') from None
    cipher = AESGCM(_message_key(shared, ours, theirs))
    body = cipher.encrypt(_NONCE, payload, _VERSION)
    return base64.b64encode(_VERSION + ours + body).decode()


def open_sealed(key: Key, sealed: str) -> bytes:
    """The payload; raises ``CorruptData`` when it was changed on the way
    or sealed to another key."""
    try:
        data = _decoded(sealed, 'the seal')
        theirs = data[1 : 1 + _PUBLIC_BYTES]
        shared = key._private.exchange(
            X25519PublicKey.from_public_bytes(theirs)
        )
        cipher = AESGCM(_message_key(shared, theirs, key._public_bytes))
        return cipher.decrypt(_NONCE, data[1 + _PUBLIC_BYTES :], data[:1])
    except (InvalidTag, ValueError, errors.InvalidInput):
        raise errors.CorruptData(
            'a sealed secret cannot be opened',
            detail='it was sealed to another key, or changed on the way',
        ) from None


def _message_key(shared: bytes, once: bytes, receiver: bytes) -> bytes:
    info = b'coriolis sealed' + once + receiver
    return HKDF(hashes.SHA256(), 32, None, info).derive(shared)


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise errors.InvalidInput(f'{what} is not base64') from None
