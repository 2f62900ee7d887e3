# SPDX-License-Identifier: Apache-2.0
"""What a task sees of the platform, on the child's end of the pipe."""

from __future__ import annotations

import base64
import importlib
import itertools
import logging
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.trust import Grant
from coriolis_ng.objects.value import Value
from coriolis_ng.providers.base import Connection, Provider
from coriolis_ng.rpc import serializer
from coriolis_ng.rpc.wire import Access, Assignment
from coriolis_ng.secrets import references
from coriolis_ng.transport.ratelimit import RateLimit
from coriolis_ng.worker import pipe
from coriolis_ng.worker.access import connect
from coriolis_ng.worker.meter import Meter

LOG = logging.getLogger(__name__)

LONGEST_NOTE = 2000
SAVE_SECONDS = 1.0  # between two checkpoints on the pipe


class Line:
    """The child's end of the pipe: words one way, and calls answered."""

    def __init__(self, end: pipe.Pipe) -> None:
        self._pipe = end
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[pipe.Reply]] = {}

    def say(self, message: pipe.FromChild) -> None:
        """One way; what ends a child whose worker is gone is its listener,
        not a failed write."""
        self._pipe.send(message)

    def call(self, name: str, **args: Any) -> Any:
        """Waits for the answer; raises the error that it holds."""
        answers: queue.SimpleQueue[pipe.Reply] = queue.SimpleQueue()
        with self._lock:
            number = next(self._ids)
            self._waiting[number] = answers
        self._pipe.send(pipe.Call(id=number, name=name, args=args))
        reply = answers.get()
        return serializer.unpack(reply.answer)

    def answered(self, reply: pipe.Reply) -> None:
        """Hands a reply to who waits for it (called by the listener)."""
        with self._lock:
            answers = self._waiting.pop(reply.id)
        answers.put(reply)


def _read(kind: type[Value], kept: dict[str, Any] | None) -> Any:
    """A checkpoint as a value; None where there is none of that kind."""
    if kept is None:
        return None
    try:
        return from_plain(kind, kept)
    except errors.InvalidInput as error:
        # Of another release: the work begins again, which is right.
        LOG.warning('The checkpoint cannot be read: %s', error)
        return None


class ChildWork:
    """``engine.task.Work`` for one attempt; may be used by many threads."""

    def __init__(
        self,
        assignment: Assignment,
        line: Line,
        stop: threading.Event,
        providers: Mapping[str, str],
        limit: RateLimit | None = None,
    ) -> None:
        self.limit = limit or RateLimit(None)
        self.tag = assignment.tag
        self.attempt = assignment.attempt
        self.instance = assignment.instance
        self.leftovers = assignment.leftovers
        self.cleaned_tags = assignment.cleaned_tags
        self.owned = frozenset(assignment.owned)
        self._assignment = assignment
        self._line = line
        self._stop = stop
        self._meter = Meter()
        self._secrets: dict[str, bytes] = {}
        self._connections: dict[Side, Connection] = {}
        self._connecting = threading.Lock()
        self._providers = providers
        self._saving = threading.Lock()
        self._unsaved: Value | None = None
        self._saved_at = float('-inf')

    @property
    def source(self) -> Any:
        """The connection to the source, made when it is first used."""
        return self._connect(Side.SOURCE, self._assignment.source)

    @property
    def target(self) -> Any:
        """The connection to the target, made when it is first used."""
        return self._connect(Side.TARGET, self._assignment.target)

    @property
    def source_options(self) -> dict[str, Any]:
        access = self._assignment.source
        return access.options if access else {}

    @property
    def target_options(self) -> dict[str, Any]:
        access = self._assignment.target
        return access.options if access else {}

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop_if_asked(self) -> None:
        if self._stop.is_set():
            raise errors.Canceled('The task was stopped.')

    def progress(
        self, done: int, total: int, *, item: str = '', unit: str = 'bytes'
    ) -> None:
        report = self._meter.tell(item, done, total, unit)
        if report:
            if self.limit.rate is not None and unit == 'bytes':
                report = msgspec.structs.replace(report, limit=self.limit.rate)
            self._line.say(pipe.Told(progress=(report,)))
        if self._unsaved is not None:
            self._save(SAVE_SECONDS)

    def note(self, text: str, level: Level = Level.INFO) -> None:
        self._line.say(pipe.Noted(text=text[:LONGEST_NOTE], level=level))

    def checkpoint(self, value: Value) -> None:
        self._unsaved = value
        self._save(SAVE_SECONDS)

    def resumed(self, kind: type[Value]) -> Any:
        return _read(kind, self._assignment.checkpoint)

    def settle(self, value: Value) -> None:
        self._unsaved = value
        self._save(0)
        self._line.call('settle')

    def cleaned(self, kind: type[Value]) -> Any:
        left = self._assignment.cleaned_checkpoints
        found = (_read(kind, one) for one in left)
        return tuple(one for one in found if one is not None)

    def created(
        self, kind: ResourceKind, id: str, side: Side, parent: str = ''
    ) -> None:
        resource = Resource(
            kind=kind,
            id=id,
            tag=self.tag,
            side=side,
            attempt=self.attempt,
            parent=parent,
        )
        self._line.call('created', resource=to_plain(resource))

    def dropped(self, resource: Resource) -> None:
        self._line.call('dropped', kind=str(resource.kind), id=resource.id)

    def secret(self, ref: str) -> bytes:
        if ref not in self._secrets:
            sent = self._line.call('secret', ref=ref)
            self._secrets[ref] = base64.b64decode(sent)
        return self._secrets[ref]

    def keep(self, payload: bytes) -> str:
        sent = base64.b64encode(payload).decode()
        ref: str = self._line.call('keep', payload=sent)
        self._secrets[ref] = payload
        return ref

    def forget(self, ref: str) -> None:
        self._line.call('forget', ref=ref)
        self._secrets.pop(ref, None)

    def close(self) -> None:
        """Tells what was held back, and closes the connections."""
        self._save(0)
        if rest := self._meter.rest():
            self._line.say(pipe.Told(progress=rest))
        for connection in self._connections.values():
            connection.close()

    def _save(self, seconds: float) -> None:
        """Sends the newest checkpoint, if the last one is so old: a copy
        makes one for each extent, and each holds all extents."""
        with self._saving:
            now = time.monotonic()
            if self._unsaved is None or now - self._saved_at < seconds:
                return
            value, self._unsaved = self._unsaved, None
            self._saved_at = now
            self._line.say(pipe.Saved(checkpoint=to_plain(value)))

    def _grant(self) -> Grant:
        # Never kept: a token lives for an hour or so.
        sent = self._line.call('secret', ref=references.GRANT)
        plain = msgspec.json.decode(base64.b64decode(sent))
        return from_plain(Grant, plain)

    def _learn(self, payload: bytes) -> None:
        self._line.say(pipe.Learned(payload=payload))

    def _connect(self, side: Side, access: Access | None) -> Connection:
        if access is None:
            raise errors.PlanError(f'The task has no access to its {side}.')
        with self._connecting:
            if side not in self._connections:
                self._connections[side] = connect(
                    load_provider(self._providers, access.provider),
                    access.secret,
                    clear=self.secret,
                    grant=self._grant,
                    learn=self._learn,
                )
            return self._connections[side]


def load_provider(providers: Mapping[str, str], name: str) -> Provider:
    """The provider that the worker was started with."""
    if name not in providers:
        raise errors.NotFound(f'This worker has no provider {name!r}.')
    return provider_of(providers[name])


def reference(provider: Provider) -> str:
    """What :func:`provider_of` makes the same provider of in a child:
    ``module:Class``, and its settings in JSON where it has some."""
    path = path_of(type(provider))
    settings = getattr(provider, 'settings', None)
    if not settings:
        return path
    return f'{path} {msgspec.json.encode(settings).decode()}'


def provider_of(text: str) -> Provider:
    """The provider of a :func:`reference`."""
    path, _, settings = text.partition(' ')
    given = msgspec.json.decode(settings) if settings else {}
    provider: Provider = load_object(path)(**given)
    return provider


def load_object(path: str) -> Any:
    """What ``module:Class`` names."""
    module, _, attribute = path.partition(':')
    found: Any = importlib.import_module(module)
    for part in attribute.split('.'):
        found = getattr(found, part)
    return found


def path_of(kind: type) -> str:
    """``module:Class``, for :func:`load_object`."""
    return f'{kind.__module__}:{kind.__qualname__}'
