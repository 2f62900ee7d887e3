# SPDX-License-Identifier: Apache-2.0
"""How callers of the REST API are identified."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = [
    cfg.StrOpt(
        'driver',
        default='keystone',
        choices=[
            ('keystone', 'tokens of Keystone, see [keystone_authtoken]'),
            ('local', 'tokens of a file on this machine'),
        ],
        help='Who says whose token it is.',
    ),
    cfg.StrOpt(
        'token_file',
        default='/etc/coriolis/tokens.json',
        help='The file of the local driver; it holds digests, no tokens.',
    ),
]
