# SPDX-License-Identifier: Apache-2.0
"""``coriolis-manage secrets rotate``: a new key for the built-in store.

Services read the key file again when it is replaced, so they run meanwhile.
"""

from __future__ import annotations

import argparse
import pathlib

from oslo_config import cfg

from coriolis_ng import errors
from coriolis_ng.cmd import rows
from coriolis_ng.db import api as db
from coriolis_ng.db.api.secrets import Rows
from coriolis_ng.db.session import Database
from coriolis_ng.secrets import local

PAGE = 100


def add(conf: cfg.ConfigOpts, _: argparse.Namespace) -> None:
    """A new key encrypts from now on; the older ones still decrypt."""
    path = conf.secrets.key_file
    keys = local.load_keys(path)
    local.save_keys(path, [local.new_key(), *keys])
    print(f'{path}: {len(keys) + 1} keys, a new one on top')


def rotate(conf: cfg.ConfigOpts, given: argparse.Namespace) -> None:
    """Ends with one key in the file and every row under it. The older keys
    go to a file beside it, for backups of the database."""
    path = conf.secrets.key_file
    if len(local.load_keys(path)) == 1:
        add(conf, given)
    database = rows.database(conf)
    try:
        changed = _renew_all(database, local.KeyFile(path))
    finally:
        database.close()
    newest, *older = local.load_keys(path)
    spent = f'{path}.old'
    before = local.load_keys(spent) if pathlib.Path(spent).exists() else []
    local.save_keys(spent, list(dict.fromkeys([*older, *before])))
    local.save_keys(path, [newest])
    print(f'{changed} secrets are under the new key; older keys: {spent}')


def _renew_all(database: Database, keys: local.KeyFile) -> int:
    """Passes over all rows until one finds nothing to do: a conductor may
    have been about to write with the key that was newest."""
    store = local.LocalStore(keys, Rows(database))
    total = 0
    while changed := _renew(database, store):
        total += changed
    return total


def _renew(database: Database, store: local.LocalStore) -> int:
    changed, after = 0, ''
    while True:
        # A variable of a loop is not what it was when the function runs.
        found = database.read(lambda s, a=after: db.secrets.page(s, a, PAGE))
        for id, project_id, row in found:
            fresh = _renewed(store, row, id, project_id)
            if fresh is not None:
                changed += database.write(
                    lambda s, i=id, b=row, n=fresh: db.secrets.replace(
                        s, i, b, n
                    )
                )
        if len(found) < PAGE:
            return changed
        after = found[-1][0]


def _renewed(
    store: local.LocalStore, row: bytes, id: str, project_id: str
) -> bytes | None:
    try:
        return store.renewed(row, id, project_id)
    except errors.CorruptData as error:
        raise errors.CorruptData(
            f'The secret {id} cannot be read, so no key is removed: put the '
            'key that it was made with back into the file and begin again',
            detail=error.detail,
        ) from None
