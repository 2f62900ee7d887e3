# SPDX-License-Identifier: Apache-2.0
"""Hears everything that is published on a broker of ours."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import amqp

from tests.beds.rabbitmq import RabbitMQ

EXCHANGE = 'amq.rabbitmq.trace'  # the broker copies all messages to it


class Tap:
    """``heard`` is every body so far, with the headers of its message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: list[bytes] = []

    @property
    def heard(self) -> bytes:
        with self._lock:
            return b'\n'.join(self._parts)

    def __call__(self, message: Any) -> None:
        body = message.body
        if isinstance(body, str):
            body = body.encode()
        with self._lock:
            self._parts += [body, repr(message.headers).encode()]


@contextlib.contextmanager
def tapped(broker: RabbitMQ) -> Iterator[Tap]:
    """Listens while the block lasts."""
    tap = Tap()
    broker.control('trace_on')
    connection = amqp.Connection(
        f'127.0.0.1:{broker.port}', userid='guest', password='guest'
    )
    connection.connect()
    try:
        channel = connection.channel()
        queue = channel.queue_declare('', exclusive=True).queue
        channel.queue_bind(queue, EXCHANGE, 'publish.#')
        channel.basic_consume(queue, callback=tap, no_ack=True)
        ended = threading.Event()

        def listen() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=0.5)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield tap
        finally:
            ended.set()
            thread.join()
    finally:
        with contextlib.suppress(OSError):
            connection.close()
        broker.control('trace_off')
