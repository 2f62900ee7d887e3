# SPDX-License-Identifier: Apache-2.0
"""Answers questions about clouds: no task, no row, 60 seconds at most."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping

import msgspec

from coriolis_ng import errors
from coriolis_ng.objects import to_plain
from coriolis_ng.providers import registry
from coriolis_ng.providers.base import Provider
from coriolis_ng.rpc.wire import Answer, Query
from coriolis_ng.secrets import seal
from coriolis_ng.worker import pipe
from coriolis_ng.worker.masking import Mask
from coriolis_ng.worker.nursery import Nursery
from coriolis_ng.worker.offspring import Child
from coriolis_ng.worker.options import Options
from coriolis_ng.worker.work import reference

LOG = logging.getLogger(__name__)

# What a page of a GUI asks again and again; a check is always made anew.
_KEPT = (
    'instances',
    'instance',
    'networks',
    'storage',
    'options',
    'pool_options',
)
_MOST_KEPT = 200


class Queries:
    """Questions, each in a child; ``ask`` may be called by many threads."""

    def __init__(
        self,
        nursery: Nursery,
        providers: Mapping[str, Provider],
        key: seal.Key,
        options: Options,
    ) -> None:
        self._nursery = nursery
        self._providers = providers
        self._key = key
        self._options = options
        self._slots = threading.BoundedSemaphore(options.query_slots)
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Answer]] = {}

    def ask(self, query: Query) -> Answer:
        """The answer; an error is one too. ``refresh`` among the arguments
        asks the cloud again before its time."""
        provider = self._providers.get(query.access.provider)
        if provider is None:
            return _failed(
                errors.NotFound(
                    f'This worker has no provider {query.access.provider!r}.'
                )
            )
        if query.verb == 'check_schema':
            return _check_schema(provider, query)
        try:
            return self._ask(query, reference(provider))
        except errors.CorruptData as error:
            # Sealed to the incarnation before this one.
            LOG.warning('%s (%s)', error.message, error.detail)
            return _unable()

    def _ask(self, query: Query, provider: str) -> Answer:
        secret = b'{}'
        if query.secret_sealed:
            secret = self._key.open(query.secret_sealed)
        fresh = bool(query.args.get('refresh'))
        args = {k: v for k, v in query.args.items() if k != 'refresh'}
        query = msgspec.structs.replace(query, args=args)
        key = _digest(query, secret)
        if not fresh and (answer := self._find(key)):
            return answer
        deadline = time.monotonic() + self._options.query_seconds
        if not self._slots.acquire(timeout=self._options.query_seconds):
            return _unable()
        try:
            answer = self._run(query, provider, secret, deadline)
        finally:
            self._slots.release()
        if query.verb in _KEPT and not answer.code:
            self._keep(key, answer)
        return answer

    def _run(
        self, query: Query, provider: str, secret: bytes, deadline: float
    ) -> Answer:
        mask = Mask()
        mask.learn(secret)

        def heard(message: pipe.FromChild) -> None:
            if isinstance(message, pipe.Learned):
                mask.learn(message.payload)
            elif isinstance(message, pipe.Logged):
                _log(query, message.level, mask.hide(message.text))

        def printed(line: str) -> None:
            _log(query, logging.INFO, mask.hide(line))

        child = Child(self._nursery, heard, printed)
        timer = threading.Timer(deadline - time.monotonic(), child.kill)
        timer.daemon = True
        timer.start()
        first = pipe.RunQuery(
            # The child needs no ciphertext: it gets the clear text.
            query=msgspec.structs.replace(query, secret_sealed=''),
            provider=provider,
            secret=secret,
        )
        try:
            ended = child.run(first)
        except OSError as error:
            LOG.error('No process for a question: %s', error)
            return _unable()
        finally:
            timer.cancel()
        if ended and ended.answer:
            text = mask.hide(ended.answer.message)
            return msgspec.structs.replace(ended.answer, message=text)
        if time.monotonic() < deadline:
            return Answer(
                code='internal', message='The question ended unanswered.'
            )
        return _failed(
            errors.Unreachable(
                'The cloud did not answer within '
                f'{self._options.query_seconds:g} seconds.'
            )
        )

    def _find(self, key: str) -> Answer | None:
        with self._lock:
            ends, answer = self._kept.get(key, (0.0, None))
            return answer if time.monotonic() < ends else None

    def _keep(self, key: str, answer: Answer) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept = {
                    k: v for k, v in self._kept.items() if v[0] > now
                }
            if len(self._kept) < _MOST_KEPT:
                ends = now + self._options.cache_seconds
                self._kept[key] = (ends, answer)


def _digest(query: Query, secret: bytes) -> str:
    plain = to_plain(msgspec.structs.replace(query, secret_sealed=''))
    text = msgspec.json.encode(plain, order='deterministic')
    return hashlib.sha256(secret + b'\0' + text).hexdigest()


def _check_schema(provider: Provider, query: Query) -> Answer:
    """``args``: ``schema`` (connection, source or destination), ``value``
    and ``field``, the name to use in the message."""
    schemas = {
        'connection': provider.connection_schema,
        'source': provider.source_schema,
        'destination': provider.target_schema,
    }
    name = query.args.get('schema', '')
    try:
        if name not in schemas:
            raise errors.InvalidInput(f'There is no schema {name!r}.')
        registry.check(
            schemas[name],
            query.args.get('value'),
            query.args.get('field', name),
        )
    except errors.CoriolisError as error:
        return _failed(error)
    return Answer(value={'valid': True, 'message': None})


def _failed(error: errors.CoriolisError) -> Answer:
    return Answer(
        code=error.code,
        message=error.message,
        field=getattr(error, 'field', ''),
    )


def _unable() -> Answer:
    return _failed(
        errors.Unreachable('The worker cannot ask the cloud now; try again.')
    )


def _log(query: Query, level: int, text: str) -> None:
    LOG.log(
        level,
        'endpoint=%s verb=%s %s',
        query.access.endpoint_id,
        query.verb,
        text,
    )
