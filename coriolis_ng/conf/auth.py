# SPDX-License-Identifier: Apache-2.0
"""How callers of the REST API are identified."""

from __future__ import annotations

from keystoneauth1 import loading
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

# As whom the conductor makes trusts and works under them, and how it trusts
# Keystone's certificate. Without auth_type it is [keystone_authtoken].
TRUSTEE = [
    *loading.get_auth_common_conf_options(),
    *loading.get_session_conf_options(),
]
