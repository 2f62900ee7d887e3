# SPDX-License-Identifier: Apache-2.0
"""Sealed payloads: only the key's owner opens them, and only unchanged."""

from __future__ import annotations

import base64

import pytest

from coriolis_ng import errors
from coriolis_ng.secrets.seal import Key, open_sealed, seal

CLEAR = b'the password of a cloud'


@pytest.mark.parametrize('payload', [CLEAR, b'', bytes(range(256)) * 256])
def test_what_is_sealed_can_be_opened(payload: bytes) -> None:
    key = Key.generate()
    sealed = seal(key.public, payload)
    assert open_sealed(key, sealed) == payload
    assert key.open(sealed) == payload


def test_the_seal_hides() -> None:
    key = Key.generate()
    first, second = seal(key.public, CLEAR), seal(key.public, CLEAR)
    data = base64.b64decode(first)
    assert CLEAR not in data
    assert b'password' not in data
    # Not one block, nor the key of the message, is ever the same again.
    other = base64.b64decode(second)
    assert data[1:33] != other[1:33]
    assert data[33:49] != other[33:49]


def test_another_key_opens_nothing() -> None:
    sealed = seal(Key.generate().public, CLEAR)
    with pytest.raises(errors.CorruptData):
        open_sealed(Key.generate(), sealed)


def test_any_changed_byte_is_seen() -> None:
    key = Key.generate()
    data = base64.b64decode(seal(key.public, CLEAR))
    for where in range(len(data)):
        changed = bytearray(data)
        changed[where] ^= 1
        with pytest.raises(errors.CorruptData):
            key.open(base64.b64encode(changed).decode())


@pytest.mark.parametrize('length', [0, 1, 32, 33, 48])
def test_a_cut_seal_is_refused(length: int) -> None:
    key = Key.generate()
    data = base64.b64decode(seal(key.public, CLEAR))[:length]
    with pytest.raises(errors.CorruptData):
        key.open(base64.b64encode(data).decode())


@pytest.mark.parametrize('text', ['no base64!', 'é', 'AAA'])
def test_what_is_no_seal_is_refused(text: str) -> None:
    with pytest.raises(errors.CorruptData):
        Key.generate().open(text)


@pytest.mark.parametrize(
    'public',
    ['', '!', 'AAAA', base64.b64encode(bytes(32)).decode()],
)
def test_what_is_no_public_key_is_refused(public: str) -> None:
    with pytest.raises(errors.InvalidInput):
        seal(public, CLEAR)


def test_all_who_have_the_master_key_open_the_same() -> None:
    master = bytes(range(32))
    one, two = Key.derived(master), Key.derived(master)
    assert one.public == two.public
    assert two.open(seal(one.public, CLEAR)) == CLEAR
    assert Key.derived(bytes(32)).public != one.public
    # The derivation stays: conductors of two releases share a key.
    assert one.public == 'VqwE/3SBiM3kLb2VEfDCoEz8t2oAdhtgpOOQLhC4ywQ='


def test_a_key_shows_nothing() -> None:
    assert repr(Key.generate()) == 'Key(***)'
