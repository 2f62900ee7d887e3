# SPDX-License-Identifier: Apache-2.0
"""``coriolis-manage``: what an operator does by hand."""

from __future__ import annotations

import argparse

from oslo_config import cfg

from coriolis_ng.cmd import catalog, failures, process, rotation, rows
from coriolis_ng.db import api as db
from coriolis_ng.db import migration
from coriolis_ng.secrets import local


@failures.told
def main() -> int:
    """Does one thing and says what came of it."""
    given = _arguments().parse_args()
    files = [given.config_file] if given.config_file else None
    conf = process.configure('coriolis-manage', [], files=files)
    given.do(conf, given)
    return 0


def _db_sync(conf: cfg.ConfigOpts, _: argparse.Namespace) -> None:
    print(migration.sync(rows.connection_url(conf)))


def _db_version(conf: cfg.ConfigOpts, _: argparse.Namespace) -> None:
    found = migration.version(rows.connection_url(conf))
    print(found or 'empty', f'(this release: {migration.newest()})')


def _data_migrations(conf: cfg.ConfigOpts, _: argparse.Namespace) -> None:
    rows.connection_url(conf)
    print('This release has no data migrations.')


def _service_list(conf: cfg.ConfigOpts, _: argparse.Namespace) -> None:
    database = rows.database(conf)
    lease = conf.conductor.lease_seconds
    for one in database.read(
        lambda s: db.services.list(s, lease_seconds=lease)
    ):
        state = 'up' if one.alive else 'down'
        enabled = 'enabled' if one.enabled else 'disabled'
        providers = ','.join(p.name for p in one.providers) or '-'
        print(
            one.id,
            one.host,
            one.binary,
            state,
            enabled,
            f'{one.load}/{one.capacity}',
            providers,
            one.alive_at.isoformat() if one.alive_at else '-',
        )


def _key_make(conf: cfg.ConfigOpts, _: argparse.Namespace) -> None:
    local.load_keys(conf.secrets.key_file)
    print(conf.secrets.key_file)


_COMMANDS = {
    ('db', 'sync'): (_db_sync, 'make or upgrade the tables'),
    ('db', 'version'): (_db_version, 'show the revision of the tables'),
    ('db', 'online_data_migrations'): (_data_migrations, 'move old rows'),
    ('service', 'list'): (_service_list, 'show workers and conductors'),
    ('secrets', 'key-make'): (_key_make, 'make the key file, if missing'),
    ('secrets', 'key-add'): (rotation.add, 'put a new key on top'),
    ('secrets', 'rotate'): (
        rotation.rotate,
        'encrypt all secrets under a new key; go on where it was interrupted',
    ),
    ('catalog', 'register'): (
        catalog.register,
        "make the service and its endpoints in Keystone's catalog",
    ),
}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='coriolis-manage', description=__doc__
    )
    parser.add_argument('--config-file')
    nouns = parser.add_subparsers(required=True, metavar='NOUN')
    verbs = {}
    for (noun, verb), (do, text) in _COMMANDS.items():
        if noun not in verbs:
            verbs[noun] = nouns.add_parser(noun).add_subparsers(
                required=True, metavar='VERB'
            )
        made = verbs[noun].add_parser(verb, help=text)
        made.set_defaults(do=do)
        if do is catalog.register:
            catalog.add_arguments(made)
    return parser
