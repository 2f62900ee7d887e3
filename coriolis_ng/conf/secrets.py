# SPDX-License-Identifier: Apache-2.0
"""Where connection information, scripts and keys rest."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = [
    cfg.StrOpt(
        'key_file',
        default='/etc/coriolis/secrets.key',
        help='The keys of the built-in store, one base64 line each, the '
        'newest first; it is made when it is missing. All conductors need '
        'the same file. Without it no stored secret can be read again.',
    ),
    cfg.StrOpt(
        'backend',
        default='local',
        choices=[
            ('local', 'the built-in store: ciphertext in the database'),
            ('barbican', "the caller's project in Barbican"),
        ],
        help='Where the connection information of new endpoints is put. '
        'References to secrets in Barbican can be given in both cases; user '
        'scripts and the keys of a run are always in the built-in store.',
    ),
    cfg.StrOpt(
        'interface',
        default='public',
        choices=['public', 'internal', 'admin'],
        help='Which URL of the key manager in the catalog is used, by '
        'conductors and by workers.',
    ),
    cfg.StrOpt(
        'region_name',
        help='The region of the key manager; the first one when not set.',
    ),
]
