# SPDX-License-Identifier: Apache-2.0
"""Where connection information and keys rest."""

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
]
