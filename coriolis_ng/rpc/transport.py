# SPDX-License-Identifier: Apache-2.0
"""The bus: oslo.messaging behind two small classes.

Every call may be lost, doubled or late; nothing here retries.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import oslo_messaging
from oslo_config import cfg

from coriolis_ng import context, errors
from coriolis_ng.rpc import sealing, serializer

CONDUCTOR = 'coriolis_conductor'
# Questions to clouds take seconds: they wait on threads of their own, so
# that beats never wait behind them.
QUERIES = 'coriolis_conductor_queries'
WORKER = 'coriolis_worker'

VERSION = '1.0'
LONGEST_RETRY = 5  # seconds between two tries to reach the broker


def connect(url: str | None = None) -> oslo_messaging.Transport:
    """The transport for a URL such as ``rabbit://`` or ``fake://``; None
    is the configuration's ``transport_url``.

    oslo.messaging registers options on the global ``cfg.CONF`` and looks
    for them there, so it cannot be given another one.
    """
    made = oslo_messaging.get_rpc_transport(cfg.CONF, url)
    # With its own default a broker that was away for a minute would be
    # missed for half of another one, and with it leases. Only the rabbit
    # driver has the option, and looks at it when it connects.
    with contextlib.suppress(cfg.NoSuchOptError, cfg.NoSuchGroupError):
        cfg.CONF.set_default(
            'rabbit_interval_max', LONGEST_RETRY, 'oslo_messaging_rabbit'
        )
    return made


class _About(oslo_messaging.NoOpSerializer):
    """What the log is about goes along with each message."""

    def serialize_context(self, ctxt: dict[str, Any]) -> dict[str, Any]:
        return {**ctxt, context.LOG_KEY: context.current().about()}

    def deserialize_context(self, ctxt: dict[str, Any]) -> dict[str, Any]:
        # In the thread that is going to answer.
        context.begin(ctxt)
        return ctxt


class Client:
    """Calls methods of one topic."""

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        topic: str,
        *,
        timeout_seconds: float,
        who: str,
        sealer: sealing.Sealer | None = None,
    ) -> None:
        target = oslo_messaging.Target(topic=topic, version=VERSION)
        self._client = oslo_messaging.get_rpc_client(
            transport,
            target,
            timeout=timeout_seconds,
            serializer=_About(),
        )
        self._who = who
        self._sealer = sealer

    def call(
        self,
        method: str,
        context: Mapping[str, Any] | None = None,
        host: str | None = None,
        **args: Any,
    ) -> Any:
        """The plain answer; raises what the other side raised, and
        ``Unreachable`` when nobody answered."""
        given = dict(context or {})
        if self._sealer is None:
            given.pop(sealing.TOKEN, None)
            return self._call(method, host, given, args)
        try:
            return self._call(method, host, *self._sealer.close(given, args))
        except errors.CorruptData:
            # They changed their key since we asked for it.
            self._sealer.forget()
            return self._call(method, host, *self._sealer.close(given, args))

    def _call(
        self,
        method: str,
        host: str | None,
        context: dict[str, Any],
        args: dict[str, Any],
    ) -> Any:
        try:
            answer = self._to(host).call(context, method, **args)
        except oslo_messaging.MessagingException as error:
            raise self._lost(method, host, error) from None
        return serializer.unpack(answer)

    def reachable(self, seconds: float = 3) -> bool:
        """Whether the bus takes a message; nobody need be there to answer
        it, for what is read from rows needs nobody."""
        asked = self._client.prepare(timeout=seconds, retry=0)
        try:
            asked.call({}, 'seal_key')
        except oslo_messaging.MessagingTimeout:
            return True
        except oslo_messaging.MessagingException:
            return False
        return True

    def cast(self, method: str, host: str, **args: Any) -> None:
        """A nudge that may get lost."""
        try:
            self._to(host).cast({}, method, **args)
        except oslo_messaging.MessagingException as error:
            raise self._lost(method, host, error) from None

    def _to(self, host: str | None) -> Any:
        return self._client.prepare(server=host) if host else self._client

    def _lost(
        self, method: str, host: str | None, error: Exception
    ) -> errors.Unreachable:
        where = f'{self._who} on {host}' if host else self._who
        return errors.Unreachable(
            f'The {where} did not answer.', detail=f'{method}: {error}'
        )


def serve(
    transport: oslo_messaging.Transport,
    topic: str,
    host: str,
    endpoints: Sequence[object],
    *,
    threads: int,
) -> oslo_messaging.MessageHandlingServer:
    """Answers calls of ``topic`` until ``stop`` and ``wait`` are called.

    Public methods of ``endpoints`` take a context and keyword arguments and
    answer what ``serializer.pack`` gives.
    """
    server = oslo_messaging.get_rpc_server(
        transport,
        oslo_messaging.Target(topic=topic, server=host, version=VERSION),
        endpoints,
        serializer=_About(),
        access_policy=oslo_messaging.DefaultRPCAccessPolicy,
    )
    server.start(override_pool_size=threads)
    return server
