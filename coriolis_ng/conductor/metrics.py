# SPDX-License-Identifier: Apache-2.0
"""What the rows say, for Prometheus: every conductor tells the same.

The number of statements does not depend on how much there is.
"""

from __future__ import annotations

import datetime
import logging
import math
import re
import threading
import time
from collections.abc import Iterable, Iterator

from oslo_db import exception
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from coriolis_ng.db import api as db
from coriolis_ng.db.api.metrics import Figures, TransferFigures
from coriolis_ng.db.errors import Away
from coriolis_ng.db.session import Database

LOG = logging.getLogger(__name__)

# A reason names hosts, endpoints and numbers: as a label it would be
# another one each time.
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
_REASONS = 20


class RowMetrics(Collector):
    """Reads at most every ``keep_seconds``."""

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float = 90,
        keep_seconds: float = 10,
        per_transfer: bool = True,
    ) -> None:
        self._database = database
        self._lease = lease_seconds
        self._keep = keep_seconds
        self._per_transfer = per_transfer
        self._lock = threading.Lock()
        self._until = 0.0
        self._last: list[Metric] = []

    def describe(self) -> list[Metric]:
        """Nothing: else the registry would ask the database at once."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The figures; only ``coriolis_database_up`` 0 where the database
        is away."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._last = list(self._read())
                self._until = time.monotonic() + self._keep
            return self._last

    def _read(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            'coriolis_database_up', 'Whether the database could be read.'
        )
        try:
            found = self._database.read(
                lambda s: db.metrics.read(s, self._lease, self._per_transfer)
            )
        except (Away, exception.DBError, SQLAlchemyError) as error:
            if not isinstance(error, Away):  # which is said once elsewhere
                LOG.warning('no figures from the database: %s', error)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from _of_work(found)
        yield from _of_services(found)
        yield from _of_transfers(found)


def _of_work(found: Figures) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        'coriolis_executions', 'Executions by state.', labels=['state']
    )
    for state, count in found.executions.items():
        states.add_metric([state], count)
    yield states
    running = GaugeMetricFamily(
        'coriolis_executions_running',
        'Executions that run, by kind.',
        labels=['kind'],
    )
    for kind, count in found.running.items():
        running.add_metric([kind], count)
    yield running
    pending = GaugeMetricFamily(
        'coriolis_tasks_pending',
        'Tasks of running executions that wait, by what for.',
        labels=['reason'],
    )
    for reason, count in _reasons(found.pending).items():
        pending.add_metric([reason], count)
    yield pending
    tasks = GaugeMetricFamily(
        'coriolis_tasks_running',
        'Tasks that workers hold, by kind.',
        labels=['task'],
    )
    for name, count in found.tasks.items():
        tasks.add_metric([name], count)
    yield tasks


def _of_services(found: Figures) -> Iterator[Metric]:
    labels = ['host', 'binary']
    up = GaugeMetricFamily(
        'coriolis_service_up',
        'Whether a service was heard within a lease.',
        labels=labels,
    )
    used = GaugeMetricFamily(
        'coriolis_worker_slots_used', 'Slots in use.', labels=['host']
    )
    slots = GaugeMetricFamily(
        'coriolis_worker_slots', 'Slots of a worker.', labels=['host']
    )
    for one in found.services:
        up.add_metric([one.host, one.binary], float(one.alive))
        if one.capacity:
            used.add_metric([one.host], one.used)
            slots.add_metric([one.host], one.capacity)
    yield from (up, used, slots)


def _of_transfers(found: Figures) -> Iterator[Metric]:
    count = GaugeMetricFamily('coriolis_transfers', 'Transfers there are.')
    count.add_metric([], found.transfer_count)
    yield count
    worst = GaugeMetricFamily(
        'coriolis_replication_lag_max_seconds',
        'The largest lag of all transfers that have a point of each machine.',
    )
    lags = [_lag(one, found.now) for one in found.transfers]
    worst.add_metric([], max(filter(math.isfinite, lags), default=0))
    if found.transfers:
        yield worst
    yield from _of_each(found)


def _of_each(found: Figures) -> Iterator[Metric]:
    labels = ['project', 'transfer']
    lag = GaugeMetricFamily(
        'coriolis_transfer_lag_seconds',
        'Age of the newest recovery point (of the machine that is furthest '
        'behind): what a disaster now would lose. +Inf without any point.',
        labels=labels,
    )
    rate = GaugeMetricFamily(
        'coriolis_transfer_bytes_per_second',
        'How fast a running execution copies.',
        labels=labels,
    )
    done = GaugeMetricFamily(
        'coriolis_transfer_running_bytes',
        'Of a running execution; figure is done or total.',
        labels=[*labels, 'figure'],
    )
    copied = GaugeMetricFamily(
        'coriolis_transfer_last_copy_bytes',
        'Of the copies of the newest recovery points; figure is changed, '
        'read, sent or written.',
        labels=[*labels, 'figure'],
    )
    seconds = GaugeMetricFamily(
        'coriolis_transfer_last_copy_seconds',
        'How long the slowest of these copies took.',
        labels=labels,
    )
    for one in found.transfers:
        ids = [one.project_id, one.id]
        lag.add_metric(ids, _lag(one, found.now))
        if one.total:
            rate.add_metric(ids, one.rate)
            done.add_metric([*ids, 'done'], one.done)
            done.add_metric([*ids, 'total'], one.total)
        for figure, value in one.copied.items():
            copied.add_metric([*ids, figure], value)
        if one.copied:
            seconds.add_metric(ids, one.seconds)
    yield from (lag, rate, done, copied, seconds)


def _lag(one: TransferFigures, now: datetime.datetime) -> float:
    if one.oldest is None:
        return math.inf
    return max(0.0, (now - one.oldest).total_seconds())


def _reasons(pending: dict[str, int]) -> dict[str, int]:
    """Few of them, whatever they name; the most frequent ones."""
    counts: dict[str, int] = {}
    for reason, count in pending.items():
        text = _VARIABLE.sub('*', reason).removeprefix('Waiting: ').strip()
        text = text or 'earlier tasks'
        counts[text] = counts.get(text, 0) + count
    order = sorted(counts, key=lambda text: (-counts[text], text))
    kept = {text: counts[text] for text in order[:_REASONS]}
    if rest := sum(counts[text] for text in order[_REASONS:]):
        kept['others'] = rest
    return kept
