# SPDX-License-Identifier: Apache-2.0
"""What a process counts of its own doing, for Prometheus.

What is a matter of rows (lag, queues, states) is counted by the database:
see ``conductor/metrics.py``. All names are in doc/source/admin/metrics.rst.
"""

from __future__ import annotations

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram

# A series for the moment of birth of each other series is of no use here.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

# Tasks take seconds or days.
_LONG = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 16 * 3600, 48 * 3600)

REQUESTS = Counter(
    'coriolis_api_requests',
    'Requests answered; route is the template of the path.',
    ['method', 'route', 'status'],
)
REQUEST_SECONDS = Histogram(
    'coriolis_api_request_seconds',
    'Seconds from a request to its answer.',
    ['method', 'route'],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60),
)
LEASES_LOST = Counter(
    'coriolis_conductor_leases_lost',
    'Tasks that were taken back; cause is silent or restarted.',
    ['cause'],
)
TASKS = Gauge(
    'coriolis_worker_tasks',
    'Attempts that this worker holds now.',
    multiprocess_mode='livesum',
)
TASK_SECONDS = Histogram(
    'coriolis_worker_task_seconds',
    'Seconds of an attempt; outcome is done, failed, canceled or lost.',
    ['task', 'outcome'],
    buckets=_LONG,
)
PROGRESS_BYTES = Counter(
    'coriolis_worker_progress_bytes',
    'Bytes that running tasks say they are through with.',
    ['task'],
)
COPIED_BYTES = Counter(
    'coriolis_worker_copied_bytes',
    'Bytes of copies that ended well; figure is changed, read, sent or '
    'written.',
    ['figure'],
)
WORKER_LEASES_LOST = Counter(
    'coriolis_worker_leases_lost',
    'Tasks that this worker stopped because no conductor answered it.',
)
