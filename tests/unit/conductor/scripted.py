# SPDX-License-Identifier: Apache-2.0
"""A worker that does exactly what a test tells it, and a store of secrets
in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from coriolis_ng import errors
from coriolis_ng.conductor import assign, beats, finish, vault
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.objects import new_id, to_plain
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.service import ProviderInfo
from coriolis_ng.rpc.wire import (
    Answer,
    Assignment,
    Beat,
    Orders,
    Query,
    Result,
    Stop,
    TaskBeat,
)
from coriolis_ng.secrets import seal
from tests.unit.conductor import samples

CLOUD = ProviderInfo(
    name='cloud',
    capabilities=('inventory', 'exports', 'imports'),
    schemas={
        'connection': {
            'type': 'object',
            'properties': {'password': {'type': 'string'}},
            'required': ['password'],
        },
        'source': {'type': 'object'},
        'destination': {
            'type': 'object',
            'properties': {'size': {'type': 'integer'}},
            'additionalProperties': False,
        },
    },
)


class MemoryStore:
    """A ``SecretStore``."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, bytes]] = {}

    def put(
        self, payload: bytes, *, project_id: str, ref: str | None = None
    ) -> str:
        ref = ref or new_id()
        self.kept[ref] = project_id, payload
        return ref

    def get(self, ref: str, *, project_id: str) -> bytes:
        if self.kept.get(ref, ('', b''))[0] != project_id:
            raise errors.NotFound('there is no such secret')
        return self.kept[ref][1]

    def drop(self, ref: str, *, project_id: str) -> None:
        if self.kept.get(ref, ('', b''))[0] == project_id:
            del self.kept[ref]


class Bus:
    """``rpc.worker.Workers`` that keeps nudges until a test takes them;
    with ``deaf`` nobody hears them."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, str, int]] = []
        self.stops: list[tuple[str, Stop]] = []
        self.answer: Callable[[Query], Answer] = lambda _: Answer()
        self.questions: list[tuple[str, Query]] = []
        self.deaf = False

    def start(self, host: str, task_id: str, attempt: int) -> None:
        if self.deaf:
            raise errors.Unreachable('nobody is there')
        self.starts.append((host, task_id, attempt))

    def stop(self, host: str, order: Stop) -> None:
        self.stops.append((host, order))

    def query(self, host: str, question: Query) -> Answer:
        self.questions.append((host, question))
        return self.answer(question)


class Worker:
    """Runs nothing; what it takes is in ``held``."""

    def __init__(
        self,
        parts: Parts,
        host: str = 'w1',
        incarnation: str = 'i1',
        capacity: int = 8,
    ) -> None:
        self.parts = parts
        self.host = host
        self.incarnation = incarnation
        self.capacity = capacity
        self.kinds: dict[str, int] = {}
        self.key = seal.Key.generate()
        self.held: dict[str, Assignment] = {}
        self._numbers = itertools.count()

    def beat(self, *tasks: TaskBeat, providers: Any = (CLOUD,)) -> Orders:
        """Tells what it holds; ``tasks`` say more about some of it."""
        told = {task.task_id: task for task in tasks}
        for held in self.held.values():
            told.setdefault(
                held.task_id,
                TaskBeat(task_id=held.task_id, attempt=held.attempt),
            )
        return beats.beat(
            self.parts,
            Beat(
                host=self.host,
                incarnation=self.incarnation,
                release='1',
                capacity=self.capacity,
                seal_key=self.key.public,
                providers=providers,
                kinds=self.kinds,
                tasks=tuple(told.values()),
            ),
        )

    def take(self, task_id: str, attempt: int) -> Assignment:
        given = assign.take(
            self.parts, task_id, attempt, self.host, self.incarnation
        )
        self.held[task_id] = given
        return given

    def finish(self, given: Assignment, result: Result) -> None:
        self.held.pop(given.task_id, None)
        finish.finish(self.parts, given.task_id, given.attempt, result)

    def fail(
        self, given: Assignment, message: str = 'it broke', **more: Any
    ) -> None:
        self.finish(given, Result(state='failed', message=message, **more))

    def do(self, given: Assignment) -> None:
        """Succeeds with something plausible."""
        self.finish(given, Result(state='done', output=self.output(given)))

    def output(self, given: Assignment) -> dict[str, Any]:
        number = next(self._numbers)
        made: dict[str, Any] = {
            'Look': {'vm': samples.vm(given.instance)},
            'Copy': {'volume': f'vol-{given.instance}'},
            'Keep': {
                'point': samples.point(
                    given.input.get('transfer_id', ''),
                    given.instance,
                    f'p-{given.instance}-{given.execution_id[:8]}-{number}',
                )
            },
            'DropPoints': {
                'dropped': [p['id'] for p in given.input.get('points', ())]
            },
            'Boot': {'vm': samples.vm(given.instance)},
        }
        return to_plain(made.get(given.name, {}))

    def make(
        self,
        given: Assignment,
        id: str,
        kind: ResourceKind = ResourceKind.VOLUME,
        side: Side = Side.TARGET,
    ) -> None:
        """Writes the ledger as a task does before it makes something."""
        vault.created(
            self.parts,
            given.task_id,
            given.attempt,
            Resource(kind=kind, id=id, tag=given.tag, side=side),
        )
