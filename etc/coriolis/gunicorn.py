# SPDX-License-Identifier: Apache-2.0
"""The REST API under gunicorn.

Start it as ``gunicorn --config /etc/coriolis/gunicorn.py
coriolis_ng.wsgi.api:application``.

Options are read from /etc/coriolis/coriolis.conf. Put a proxy with TLS in
front of it.
"""

import os
import pathlib

from prometheus_client import multiprocess

bind = os.environ.get('CORIOLIS_BIND', '127.0.0.1:7667')
workers = 4
threads = 16  # a stream of events holds one for minutes
worker_class = 'gthread'
timeout = 0  # threads end by their own time-outs
graceful_timeout = 30
# The service's own log names requests; secrets may be in URLs of others.
accesslog = None

# Figures of all processes together, on [metrics] api_port. What an earlier
# run has left counts no more.
_FOLDER = pathlib.Path(
    os.environ.setdefault('PROMETHEUS_MULTIPROC_DIR', '/run/coriolis/metrics')
)
_FOLDER.mkdir(parents=True, exist_ok=True)
for _file in _FOLDER.glob('*.db'):
    _file.unlink()


def child_exit(server: object, worker: object) -> None:
    """Gauges of a process go with it; what it counted stays."""
    multiprocess.mark_process_dead(worker.pid)
