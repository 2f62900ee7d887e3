# SPDX-License-Identifier: Apache-2.0
"""Options of every process."""

from __future__ import annotations

import socket

from oslo_config import cfg

OPTIONS = [
    cfg.HostAddressOpt(
        'host',
        default=socket.gethostname(),
        sample_default='<hostname>',
        help='The name of this machine in rows and on the bus. It must be '
        'the same after each start, and no two machines may share one.',
    ),
]
