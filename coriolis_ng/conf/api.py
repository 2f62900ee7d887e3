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
    cfg.IntOpt(
        'questions',
        default=10,
        min=1,
        help='How many requests of one process that clouds have to answer '
        '(inventories, preflights, plans) wait at once; more are told to '
        'come again. Keep it below the number of threads, also of those of '
        'a WSGI server, so that all other requests are answered meanwhile.',
    ),
    cfg.IntOpt(
        'project_questions',
        default=6,
        min=1,
        help='How many of them one project has at once.',
    ),
    cfg.FloatOpt(
        'conductor_seconds',
        default=30,
        min=1,
        help='How long a request waits for a conductor.',
    ),
    cfg.IntOpt(
        'streams',
        default=8,
        min=0,
        help='How many streams of events one process serves at once, '
        'beside its other requests. Under a WSGI server each of them takes '
        'one of its threads.',
    ),
    cfg.IntOpt(
        'project_streams',
        default=4,
        min=0,
        help='How many of them one project has at once.',
    ),
    cfg.FloatOpt(
        'stream_seconds',
        default=600,
        min=1,
        help='How long a stream of events lasts; clients come again and go '
        'on where it ended.',
    ),
    cfg.FloatOpt(
        'heartbeat_seconds',
        default=5,
        min=1,
        help='How long a stream may be silent. Keep it below what proxies '
        'between here and clients allow. A WSGI server notices by it that a '
        'client has gone, after two of them.',
    ),
]
