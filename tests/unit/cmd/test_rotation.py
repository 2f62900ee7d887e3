# SPDX-License-Identifier: Apache-2.0
"""A new key for the built-in store, while services run and after a kill."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator

import pytest
from oslo_config import cfg

from coriolis_ng import conf as options
from coriolis_ng import errors
from coriolis_ng.cmd import rotation
from coriolis_ng.db import migration
from coriolis_ng.db.api import secrets
from coriolis_ng.db.api.secrets import Rows
from coriolis_ng.db.session import Database
from coriolis_ng.secrets import local, seal

NOTHING = argparse.Namespace()
COUNT = rotation.PAGE + 5


@pytest.fixture
def conf(tmp_path: pathlib.Path) -> cfg.ConfigOpts:
    made = cfg.ConfigOpts()
    options.register(made)
    made([], default_config_files=[], default_config_dirs=[])
    url = f'sqlite:///{tmp_path}/rows.sqlite'
    made.set_override('connection', url, 'database')
    made.set_override('key_file', str(tmp_path / 'keys'), 'secrets')
    migration.sync(url)
    return made


@pytest.fixture
def rows(conf: cfg.ConfigOpts) -> Iterator[Database]:
    made = Database(conf.database.connection)
    yield made
    made.close()


def filled(store: local.LocalStore) -> dict[str, bytes]:
    return {
        store.put(payload, project_id='p'): payload
        for payload in (f'secret {n}'.encode() for n in range(COUNT))
    }


def check(store: local.LocalStore, kept: dict[str, bytes]) -> None:
    for ref, payload in kept.items():
        assert store.get(ref, project_id='p') == payload


def test_a_store_that_runs_goes_on(
    conf: cfg.ConfigOpts, rows: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    path = conf.secrets.key_file
    running = local.LocalStore(local.KeyFile(path), Rows(rows))
    kept = filled(running)
    old = local.load_keys(path)
    rotation.rotate(conf, NOTHING)
    assert f'{COUNT} secrets' in capsys.readouterr().out
    new = local.load_keys(path)
    assert len(new) == 1
    assert new != old
    assert local.load_keys(f'{path}.old') == old
    check(running, kept)
    check(local.LocalStore(new, Rows(rows)), kept)
    with pytest.raises(errors.CorruptData):
        check(local.LocalStore(old, Rows(rows)), kept)
    after = running.put(b'after', project_id='p')
    newest = local.LocalStore(new, Rows(rows))
    assert newest.get(after, project_id='p') == b'after'


def test_it_goes_on_where_it_was_interrupted(
    conf: cfg.ConfigOpts, rows: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    path = conf.secrets.key_file
    store = local.LocalStore(local.KeyFile(path), Rows(rows))
    kept = filled(store)
    rotation.add(conf, NOTHING)
    fresh = local.load_keys(path)[0]
    some = list(kept)[:7]
    for ref in some:  # the part that was done before the power went
        with rows.writer() as session:
            before = secrets.get(session, ref, 'p')
            after = store.renewed(before, ref, 'p')
            assert after is not None
            assert secrets.replace(session, ref, before, after)
    check(store, kept)
    capsys.readouterr()
    rotation.rotate(conf, NOTHING)
    assert f'{COUNT - 7} secrets' in capsys.readouterr().out
    assert local.load_keys(path) == [fresh]
    check(store, kept)


def test_no_key_goes_while_a_row_cannot_be_read(
    conf: cfg.ConfigOpts, rows: Database
) -> None:
    path = conf.secrets.key_file
    store = local.LocalStore(local.KeyFile(path), Rows(rows))
    store.put(b'x', project_id='p')
    other = local.LocalStore([local.new_key()], Rows(rows))
    lost = other.put(b'y', project_id='p')
    with pytest.raises(errors.CorruptData) as told:
        rotation.rotate(conf, NOTHING)
    assert lost in told.value.message
    assert len(local.load_keys(path)) == 2


def test_what_was_sealed_before_is_opened_after(conf: cfg.ConfigOpts) -> None:
    path = conf.secrets.key_file
    ring = seal.Ring(local.KeyFile(path))
    before = ring.public
    sealed = seal.seal(before, b'on its way')
    rotation.add(conf, NOTHING)
    assert ring.public != before
    assert ring.open(sealed) == b'on its way'
    assert ring.open(seal.seal(ring.public, b'new')) == b'new'
    with pytest.raises(errors.CorruptData):
        ring.open(seal.seal(seal.Key.generate().public, b'foreign'))
