# SPDX-License-Identifier: Apache-2.0
"""The client of workers: one nudge, one hint, one question."""

from __future__ import annotations

from typing import Protocol

import oslo_messaging

from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.rpc import transport as bus
from coriolis_ng.rpc.wire import Answer, Query, Stop


class Workers(Protocol):
    """What the conductor asks of workers.

    Methods of a worker's own endpoint object, called by keyword:
    ``start(context, task_id, attempt)``, ``stop(context, order)`` and
    ``query(context, question)``; the last answers
    ``serializer.pack(Answer)``.
    """

    def start(self, host: str, task_id: str, attempt: int) -> None:
        """A nudge without an answer; may get lost."""

    def stop(self, host: str, order: Stop) -> None:
        """A hint: the same order comes with the answer of the next beat."""

    def query(self, host: str, question: Query) -> Answer:
        """Waits for the answer; ``Unreachable`` when there is none."""


class WorkerClient:
    """:class:`Workers` over the bus."""

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        *,
        query_seconds: float = 60,
    ) -> None:
        # The worker ends a query by itself after ``query_seconds``; its
        # own words are better than our time-out.
        self._client = bus.Client(
            transport,
            bus.WORKER,
            timeout_seconds=query_seconds + 5,
            who='worker',
        )

    def start(self, host: str, task_id: str, attempt: int) -> None:
        self._client.cast('start', host, task_id=task_id, attempt=attempt)

    def stop(self, host: str, order: Stop) -> None:
        self._client.cast('stop', host, order=to_plain(order))

    def query(self, host: str, question: Query) -> Answer:
        plain = self._client.call(
            'query', None, host, question=to_plain(question)
        )
        return from_plain(Answer, plain)
