# SPDX-License-Identifier: Apache-2.0
"""Options of the pages that Prometheus reads."""

from __future__ import annotations

from oslo_config import cfg

_PORT = (
    'The TCP port on which {} serves /metrics; not served when not set. '
    '0 is any free one, which its log names.'
)

OPTIONS = [
    cfg.HostAddressOpt(
        'bind_host',
        default='127.0.0.1',
        help='The address that /metrics is served on. Nobody is asked who '
        'he is there, so only the network may keep others away.',
    ),
    cfg.PortOpt(
        'api_port',
        help=_PORT.format('coriolis-api (or coriolis-allinone)')
        + ' Under a WSGI server of several processes all of them share it, '
        'and the environment variable PROMETHEUS_MULTIPROC_DIR must name an '
        'empty directory.',
    ),
    cfg.PortOpt('conductor_port', help=_PORT.format('coriolis-conductor')),
    cfg.PortOpt('worker_port', help=_PORT.format('coriolis-worker')),
    cfg.FloatOpt(
        'keep_seconds',
        default=10,
        min=0,
        help='How long a conductor answers with the figures that it read '
        'from the database last.',
    ),
    cfg.BoolOpt(
        'per_transfer',
        default=True,
        help='Whether conductors show the series of each transfer, some ten '
        'for each. Without them there are those of the whole.',
    ),
]
