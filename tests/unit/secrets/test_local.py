# SPDX-License-Identifier: Apache-2.0
"""The built-in store: only ciphertext rests, only the owner reads it."""

from __future__ import annotations

import base64
import os
import pathlib
import sqlite3
from collections.abc import Iterator

import pytest

from coriolis_ng import errors
from coriolis_ng.db import migration
from coriolis_ng.db.api.secrets import Rows
from coriolis_ng.db.session import Database
from coriolis_ng.secrets.local import MAX_PAYLOAD, LocalStore, load_keys
from tests.unit.db.make import race

CLEAR = b'{"password": "correct horse battery staple"}'


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / 'rows.db'


@pytest.fixture
def rows(place: pathlib.Path) -> Iterator[Rows]:
    url = f'sqlite:///{place}'
    migration.sync(url)
    database = Database(url)
    yield Rows(database)
    database.close()


@pytest.fixture
def keys(tmp_path: pathlib.Path) -> list[bytes]:
    return load_keys(tmp_path / 'keys')


@pytest.fixture
def store(keys: list[bytes], rows: Rows) -> LocalStore:
    return LocalStore(keys, rows)


@pytest.mark.parametrize('payload', [CLEAR, b'', bytes(MAX_PAYLOAD)])
def test_what_goes_in_comes_out(store: LocalStore, payload: bytes) -> None:
    ref = store.put(payload, project_id='p1')
    assert store.get(ref, project_id='p1') == payload


def test_too_much_is_refused(store: LocalStore) -> None:
    with pytest.raises(errors.InvalidInput):
        store.put(bytes(MAX_PAYLOAD + 1), project_id='p1')


def test_another_project_finds_nothing(store: LocalStore) -> None:
    ref = store.put(CLEAR, project_id='p1')
    with pytest.raises(errors.NotFound):
        store.get(ref, project_id='p2')
    store.drop(ref, project_id='p2')
    assert store.get(ref, project_id='p1') == CLEAR


def test_a_dropped_secret_is_gone(store: LocalStore) -> None:
    ref = store.put(CLEAR, project_id='p1')
    store.drop(ref, project_id='p1')
    store.drop(ref, project_id='p1')
    with pytest.raises(errors.NotFound):
        store.get(ref, project_id='p1')


def test_the_database_never_sees_clear_text(
    store: LocalStore, place: pathlib.Path, keys: list[bytes]
) -> None:
    ref = store.put(CLEAR, project_id='p1')
    with sqlite3.connect(place) as connection:
        (row,) = connection.execute('SELECT * FROM secrets').fetchall()
    assert ref in row  # it is the right row
    files = b''.join(p.read_bytes() for p in place.parent.glob('rows.db*'))
    assert ref.encode() in files  # and these are the right files
    for secret in (CLEAR, b'correct horse', b'password', keys[0]):
        assert secret not in files
        assert base64.b64encode(secret).rstrip(b'=') not in files


def test_the_same_secret_looks_different(
    store: LocalStore, rows: Rows
) -> None:
    first, second = (store.put(CLEAR, project_id='p1') for _ in range(2))
    assert rows.get(first, 'p1')[17:] != rows.get(second, 'p1')[17:]


def test_another_key_reads_nothing(store: LocalStore, rows: Rows) -> None:
    ref = store.put(CLEAR, project_id='p1')
    other = LocalStore([os.urandom(32)], rows)
    with pytest.raises(errors.CorruptData) as caught:
        other.get(ref, project_id='p1')
    assert 'key' in caught.value.detail


@pytest.mark.parametrize('where', [0, 1, 5, 17, -1])
def test_a_changed_row_is_refused(
    store: LocalStore, rows: Rows, where: int
) -> None:
    row = bytearray(rows.get(store.put(CLEAR, project_id='p1'), 'p1'))
    row[where] ^= 1
    rows.put('changed', 'p1', bytes(row))
    with pytest.raises(errors.CorruptData):
        store.get('changed', project_id='p1')


def test_a_row_moved_to_another_place_is_refused(
    store: LocalStore, rows: Rows
) -> None:
    ref = store.put(CLEAR, project_id='p1')
    row = rows.get(ref, 'p1')
    rows.put('copy', 'p1', row)
    with pytest.raises(errors.CorruptData):
        store.get('copy', project_id='p1')
    rows.drop(ref, 'p1')
    rows.put(ref, 'p2', row)
    with pytest.raises(errors.CorruptData):
        store.get(ref, project_id='p2')


def test_a_new_key_on_top_keeps_old_secrets(
    store: LocalStore, rows: Rows, keys: list[bytes]
) -> None:
    old = store.put(CLEAR, project_id='p1')
    fresh = os.urandom(32)
    both = LocalStore([fresh, *keys], rows)
    assert both.get(old, project_id='p1') == CLEAR
    new = both.put(b'new', project_id='p1')
    assert LocalStore([fresh], rows).get(new, project_id='p1') == b'new'
    with pytest.raises(errors.CorruptData):
        store.get(new, project_id='p1')


def test_the_key_file_is_made_once(tmp_path: pathlib.Path) -> None:
    place = tmp_path / 'new' / 'keys'
    found = race(4, lambda _: load_keys(place))
    assert len(found[0]) == 1
    assert len(found[0][0]) == 32
    assert found == [found[0]] * 4
    assert place.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in place.parent.iterdir()] == ['keys']


def test_a_key_file_that_others_read_is_refused(
    tmp_path: pathlib.Path,
) -> None:
    place = tmp_path / 'keys'
    load_keys(place)
    place.chmod(0o640)
    with pytest.raises(errors.InvalidInput, match='0600'):
        load_keys(place)


@pytest.mark.parametrize('text', ['', 'short', 'AAAA\n', '%%%', 'é' * 44])
def test_a_wrong_key_file_is_refused(
    tmp_path: pathlib.Path, text: str
) -> None:
    place = tmp_path / 'keys'
    place.write_text(text)
    place.chmod(0o600)
    with pytest.raises(errors.InvalidInput) as caught:
        load_keys(place)
    assert caught.value.field == 'key_file'


def test_it_shows_nothing(store: LocalStore) -> None:
    assert repr(store) == 'LocalStore(***)'
