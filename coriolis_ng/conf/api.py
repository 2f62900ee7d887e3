# SPDX-License-Identifier: Apache-2.0
"""Options of the REST API's development server."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = [
    cfg.HostAddressOpt(
        'bind_host',
        default='0.0.0.0',  # noqa: S104 - the public API
        help='The address that coriolis-api listens on. A WSGI server that '
        'loads coriolis_ng.wsgi.api has options of its own.',
    ),
    cfg.PortOpt('bind_port', default=7667, help='Its TCP port.'),
    cfg.IntOpt(
        'threads',
        default=16,
        min=1,
        help='How many requests coriolis-api answers at once.',
    ),
    cfg.FloatOpt(
        'conductor_seconds',
        default=30,
        min=1,
        help='How long a request waits for a conductor.',
    ),
]
