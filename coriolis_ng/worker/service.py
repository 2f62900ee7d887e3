# SPDX-License-Identifier: Apache-2.0
"""The worker: takes tasks, beats, obeys, and ends in order.

It keeps no state that matters: what it runs is in the conductor's rows, and
a worker that is killed is replaced by an incarnation that holds nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from coriolis_ng import errors, host, metrics
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.bandwidth import Bandwidth
from coriolis_ng.objects.service import ProviderInfo
from coriolis_ng.outage import Outage
from coriolis_ng.providers.base import Provider
from coriolis_ng.rpc import serializer
from coriolis_ng.rpc.wire import Beat, Orders, Query, Stop, TaskBeat
from coriolis_ng.secrets import seal
from coriolis_ng.worker.home import Conductor, Home
from coriolis_ng.worker.lease import Lease
from coriolis_ng.worker.nursery import Nursery
from coriolis_ng.worker.options import Options
from coriolis_ng.worker.queries import Queries
from coriolis_ng.worker.runner import Runner, Why
from coriolis_ng.worker.throttle import Throttle
from coriolis_ng.worker.work import reference

LOG = logging.getLogger(__name__)

TICK_SECONDS = 0.5
FLUSH_SECONDS = 30.0


class WorkerService:
    """A worker; ``start`` returns at once, ``stop`` when all has ended.

    It installs no signal handler and serves no topic: the process that it
    lives in does, with :class:`Endpoint`. ``capacity`` is what the
    scheduler is told; a task that is given beyond it runs nevertheless.
    ``kinds`` are the tasks that it knows, with the version of each; without
    it is given any.
    ``bandwidth`` is what all its copies may take together; it is asked
    again and again. A ``nursery`` that is given is the caller's to stop,
    and may be shared.
    """

    def __init__(
        self,
        conductor: Conductor,
        providers: Mapping[str, Provider],
        *,
        host: str,
        incarnation: str,
        capacity: int = 8,
        kinds: Mapping[str, int] | None = None,
        bandwidth: Callable[[], Bandwidth] = Bandwidth,
        options: Options | None = None,
        nursery: Nursery | None = None,
    ) -> None:
        options = options or Options()
        paths = {name: reference(p) for name, p in providers.items()}
        modules = {path.partition(':')[0] for path in paths.values()}
        self._capacity = capacity
        self._kinds = dict(kinds or {})
        self._providers = tuple(
            _describe(name, provider) for name, provider in providers.items()
        )
        self._shared = nursery is not None
        self._nursery = nursery or Nursery(tuple(sorted(modules)))
        self._key = seal.Key.generate()
        self._home = Home(
            conductor=conductor,
            nursery=self._nursery,
            providers=paths,
            key=self._key,
            lease=Lease(options.margin_seconds),
            host=host,
            incarnation=incarnation,
            options=options,
            flush=self._flush,
            divide=self._divide,
        )
        self._throttle = Throttle(bandwidth)
        self._queries = Queries(self._nursery, providers, self._key, options)
        self._options = options
        self._lock = threading.Lock()
        self._runners: dict[str, Runner] = {}
        self._draining = False
        self._told = False  # the providers, to this conductor's rows
        self._wake = threading.Condition()
        self._begun = self._answered = 0  # numbers of beats
        self._asked_beats = False
        self._asked_at: float | None = None  # of the beat under way
        # One of several that cannot help just now is no news.
        self._outage = Outage(
            'Every conductor', LOG, patience=2 * options.beat_seconds
        )
        self._threads: list[threading.Thread] = []
        self.endpoint = Endpoint(self)

    @property
    def running(self) -> tuple[Runner, ...]:
        """The attempts that are held now."""
        with self._lock:
            return tuple(self._runners.values())

    @property
    def seal_key(self) -> str:
        """The public key that secrets for this worker are sealed to."""
        return self._key.public

    def start(self) -> None:
        """Begins to beat; tasks come with the first answer or later."""
        self._nursery.start()
        for body in (self._beat_forever, self._guard_forever):
            thread = threading.Thread(
                target=body, name=body.__name__.strip('_'), daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self, drain_seconds: float | None = None) -> None:
        """Takes nothing more, waits for what runs, and ends.

        What still runs after ``drain_seconds`` (0: at once) is stopped and
        reported as failed but retryable, so that another worker gets it.
        Beats go on meanwhile, with a capacity of 0.
        """
        if drain_seconds is None:
            drain_seconds = self._options.drain_seconds
        with self._lock:
            self._draining = True
        self._wait_idle(drain_seconds)
        grace = self._options.stop_grace_seconds if drain_seconds else 0
        for runner in self.running:
            runner.stop(Why.SHUTDOWN, grace)
        self._wait_idle(grace + 5)
        self._home.closed.set()
        with self._wake:
            self._wake.notify_all()
        for thread in self._threads:
            thread.join(5)
        for runner in self.running:
            runner.stop(Why.STALE, 0)
        if not self._shared:
            self._nursery.stop()

    # --- what the conductor says --------------------------------------------
    def start_task(self, task_id: str, attempt: int) -> None:
        """Takes and runs it in a thread; nothing when it runs already, or
        when this worker does not know whether it holds a lease."""
        if not self._home.lease.held:
            return  # the answer to the next beat will say it again
        with self._lock:
            known = self._runners.get(task_id)
            if self._draining or (known and known.attempt >= attempt):
                return
            runner = Runner(self._home, task_id, attempt)
            self._runners[task_id] = runner
        if known:
            known.stop(Why.STALE, 0)
        threading.Thread(
            target=self._live,
            args=(runner,),
            name=f'task-{task_id}',
            daemon=True,
        ).start()

    def stop_task(self, order: Stop) -> None:
        """Obeys an order, whether it came as a hint or with a beat."""
        with self._lock:
            runner = self._runners.get(order.task_id)
        if runner is None or runner.attempt != order.attempt:
            return
        if order.stale:
            runner.stop(Why.STALE, 0)
        else:
            grace = self._options.stop_grace_seconds
            runner.stop(Why.CANCEL, 0 if order.forced else grace)

    def query(self, question: Query) -> Any:
        """The answer to a question about a cloud; never raises ours."""
        return self._queries.ask(question)

    # --- threads ------------------------------------------------------------
    def _live(self, runner: Runner) -> None:
        try:
            runner.run()
        finally:
            with self._lock:
                if self._runners.get(runner.task_id) is runner:
                    del self._runners[runner.task_id]
            with self._wake:
                self._wake.notify_all()

    def _beat_forever(self) -> None:
        while not self._home.closed.is_set():
            ok = self._beat()
            wait = self._options.beat_seconds
            if not ok:
                wait = min(wait, self._options.retry_seconds)
            with self._wake:
                self._wake.wait_for(self._must_beat, wait)
                self._asked_beats = False

    def _must_beat(self) -> bool:
        return self._asked_beats or self._home.closed.is_set()

    def _beat(self) -> bool:
        with self._wake:
            self._begun += 1
            number = self._begun
        told = [(r, b) for r in self.running if (b := r.beat())]
        sent_at = self._asked_at = self._home.lease.now()
        try:
            orders = self._home.conductor.beat(
                self._compose(tuple(b for _, b in told))
            )
        except errors.Stale as error:
            LOG.error('This incarnation is replaced: %s', error.message)
            self._home.lease.give_up()
            return False
        except errors.CoriolisError as error:
            waited = self._home.lease.now() - sent_at
            self._outage.begin(error.message, waited)
            LOG.debug('no answer to a beat: %s', error.message)
            return False
        finally:
            self._asked_at = None
        self._outage.end()
        self._home.lease.renew(sent_at, orders.lease_seconds)
        for runner, beat in told:
            runner.acknowledged(beat)
        self._told = orders.known
        with self._wake:
            self._answered = number
            self._wake.notify_all()
        self._obey(orders)
        return True

    def _compose(self, tasks: tuple[TaskBeat, ...]) -> Beat:
        return Beat(
            host=self._home.host,
            incarnation=self._home.incarnation,
            release=self._options.release,
            capacity=0 if self._draining else self._capacity,
            seal_key=self._key.public,
            providers=None if self._told else self._providers,
            kinds={} if self._told else self._kinds,
            facts=None if self._told else host.facts(),
            tasks=tasks,
        )

    def _obey(self, orders: Orders) -> None:
        for stop in orders.stop:
            self.stop_task(stop)
        for hold in orders.hold:
            self.start_task(hold.task_id, hold.attempt)
        limits = {(n.task_id, n.attempt): n for n in orders.limits}
        for runner in self.running:
            limit = limits.get((runner.task_id, runner.attempt))
            if limit is not None:
                runner.cap_to(limit.bytes_per_second)
        if limits:
            self._divide()

    def _divide(self) -> None:
        self._throttle.divide(self.running)

    def _flush(self) -> None:
        """Sends a beat now: what a task said must not be lost because it
        ended."""
        with self._wake:
            # The beat under way may have been composed too early.
            wanted = self._begun + 1
            deadline = time.monotonic() + FLUSH_SECONDS
            while self._answered < wanted and not self._home.closed.is_set():
                self._asked_beats = True
                self._wake.notify_all()
                if time.monotonic() >= deadline:
                    return
                self._wake.wait(1)

    def _guard_forever(self) -> None:
        while not self._home.closed.wait(TICK_SECONDS):
            self._look_after_beat()
            runners = self.running
            if not self._home.lease.held:
                # Half of what is left before another worker may begin.
                grace = self._options.margin_seconds / 2
                for runner in runners:
                    if not runner.stopping:
                        LOG.error('task=%s lease lost', runner.task_id)
                        metrics.WORKER_LEASES_LOST.inc()
                    runner.stop(Why.LEASE, grace)
            for runner in runners:
                runner.tick()
            self._divide()

    def _look_after_beat(self) -> None:
        """A call waits for as long as the broker is away."""
        asked_at = self._asked_at
        if asked_at is not None:
            waited = self._home.lease.now() - asked_at
            if waited >= 2 * self._options.beat_seconds:
                self._outage.begin('no answer to a beat', waited)

    def _wait_idle(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: not self.running, seconds)


class Endpoint:
    """What the topic of this worker offers (see ``rpc.worker.Workers``)."""

    def __init__(self, service: WorkerService) -> None:
        self._service = service

    def start(self, context: Any, task_id: str, attempt: int) -> None:
        self._service.start_task(task_id, attempt)

    def stop(self, context: Any, order: dict[str, Any]) -> None:
        self._service.stop_task(from_plain(Stop, order))

    def query(self, context: Any, question: dict[str, Any]) -> dict[str, Any]:
        answer = self._service.query(from_plain(Query, question))
        return serializer.pack(answer)


def _describe(name: str, provider: Provider) -> ProviderInfo:
    return ProviderInfo(
        name=name,
        capabilities=tuple(provider.capabilities),
        schemas={
            'connection': dict(provider.connection_schema),
            'source': dict(provider.source_schema),
            'destination': dict(provider.target_schema),
            # source_pool and destination_pool, of providers with pools.
            **getattr(provider, 'pool_schemas', {}),
        },
    )
