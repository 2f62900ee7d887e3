# SPDX-License-Identifier: Apache-2.0
"""A conductor without rows: it gives what a test prepared and remembers
what it was told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from coriolis_ng import errors
from coriolis_ng.engine.task import Task
from coriolis_ng.objects import from_plain, new_id, to_plain
from coriolis_ng.objects.resource import Resource, ResourceKind, tag_of
from coriolis_ng.objects.task import Note, Progress
from coriolis_ng.rpc.wire import (
    Access,
    Assignment,
    Beat,
    Hold,
    Limit,
    Orders,
    Result,
    Stop,
)
from coriolis_ng.secrets import seal
from coriolis_ng.worker.work import path_of

WAIT_SECONDS = 60


class ScriptedConductor:
    """Has the methods of ``rpc.conductor.WorkerHalf``.

    While ``away`` is set every call is ``Unreachable``. ``log`` holds the
    calls as (name, task id or '', detail).
    """

    def __init__(self, lease_seconds: int = 90) -> None:
        self.key = seal.Key.generate()
        self.lease_seconds = lease_seconds
        self.away = threading.Event()
        self.log: list[tuple[str, str, Any]] = []
        self.assignments: dict[str, Assignment] = {}
        self.results: dict[str, Result] = {}
        self.secrets: dict[str, bytes] = {}
        self.notes: dict[str, list[Note]] = {}
        self.progress: dict[str, tuple[Progress, ...]] = {}
        self.checkpoints: dict[str, dict[str, Any]] = {}
        self.beats: list[Beat] = []
        self.stale: set[str] = set()
        self.losses: dict[str, int] = {}  # answers that get lost, by method
        self.known = True
        self.limits: dict[str, float | None] = {}  # by task
        self._holds: dict[str, Hold] = {}
        self._stops: dict[str, Stop] = {}
        self._changed = threading.Condition()

    # --- what a test says ---------------------------------------------------
    def give(
        self, what: type[Task], *, secret: bytes = b'', **more: Any
    ) -> str:
        """A task to take; the answer to the next beat says so. ``more`` is
        its input, but for fields of ``Assignment``."""
        task_id = new_id()
        own = {
            name: more.pop(name)
            for name in (
                'checkpoint',
                'silent_seconds',
                'version',
                'name',
                'moves',
                'limit',
            )
            if name in more
        }
        access = None
        if secret:
            self.secrets['cloud'] = secret
            access = Access(endpoint_id='e', provider='small', secret='cloud')
        self.assignments[task_id] = Assignment(
            **{
                'task_id': task_id,
                'attempt': 1,
                'execution_id': 'x1',
                'name': path_of(what),
                'version': 1,
                'instance': 'a',
                'tag': tag_of('x1', task_id),
                'input': more,
                'source': access,
                'seal_to': self.key.public,
                'silent_seconds': 300,
            }
            | own
        )
        self._holds[task_id] = Hold(task_id=task_id, attempt=1)
        return task_id

    def order_stop(self, task_id: str, **how: bool) -> None:
        """From now on every answer to a beat says so."""
        self._stops[task_id] = Stop(task_id=task_id, attempt=1, **how)

    def wait(self, condition: Callable[[], Any]) -> Any:
        """The first true value of ``condition``, looked at when something
        was told; fails the test when it takes a minute."""
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_SECONDS), self.log
            return condition()

    def result(self, task_id: str) -> Result:
        """How a task ended."""
        found: Result = self.wait(lambda: self.results.get(task_id))
        return found

    def pids(self, task_id: str) -> list[int]:
        """The ids of processes in the first note of a ``Wait`` task."""
        notes = self.wait(lambda: self.notes.get(task_id))
        return [int(word) for word in notes[0].text.split()]

    # --- what a worker calls ------------------------------------------------
    def take(
        self, task_id: str, attempt: int, host: str, incarnation: str
    ) -> Assignment:
        self._called('take', task_id, attempt)
        found = self.assignments.get(task_id)
        if not found or found.attempt != attempt or task_id in self.stale:
            raise errors.Stale('Not yours.')
        return self._answer('take', found)

    def beat(self, beat: Beat) -> Orders:
        self._called('beat', '', None)
        beat = from_plain(Beat, to_plain(beat))
        with self._changed:
            self.beats.append(beat)
            for task in beat.tasks:
                known = self.notes.setdefault(task.task_id, [])
                seen = {note.index for note in known}
                known += [n for n in task.notes if n.index not in seen]
                if task.progress:
                    self.progress[task.task_id] = task.progress
                if task.checkpoint is not None:
                    self.checkpoints[task.task_id] = task.checkpoint
            self._changed.notify_all()
        held = {task.task_id for task in beat.tasks}
        return self._answer(
            'beat',
            Orders(
                hold=tuple(
                    hold
                    for task_id, hold in self._holds.items()
                    if task_id not in held | self.results.keys()
                ),
                stop=tuple(self._stops.values()),
                limits=tuple(
                    Limit(task_id=id, attempt=1, bytes_per_second=rate)
                    for id, rate in self.limits.items()
                ),
                lease_seconds=self.lease_seconds,
                known=self.known,
            ),
        )

    def created(self, task_id: str, attempt: int, resource: Resource) -> None:
        self._called('created', task_id, resource)
        if task_id in self.stale:
            raise errors.Stale('Not yours.')
        self._answer('created', None)

    def dropped(
        self, task_id: str, attempt: int, kind: ResourceKind, id: str
    ) -> None:
        self._called('dropped', task_id, (kind, id))

    def finish(self, task_id: str, attempt: int, result: Result) -> None:
        self._called('finish', task_id, result)
        if task_id in self.stale:
            raise errors.Stale('Not yours.')
        with self._changed:
            self.results.setdefault(task_id, result)
            self._changed.notify_all()
        self._answer('finish', None)

    def secret_get(self, ref: str, task_id: str, attempt: int) -> str:
        self._called('secret_get', task_id, ref)
        if ref not in self.secrets:
            raise errors.NotFound('There is no such secret.')
        return seal.seal(self.beats[0].seal_key, self.secrets[ref])

    def secret_put(self, task_id: str, attempt: int, sealed: str) -> str:
        self._called('secret_put', task_id, sealed)
        ref = f'ref-{len(self.secrets)}'
        self.secrets[ref] = self.key.open(sealed)
        return ref

    def secret_drop(self, ref: str, task_id: str, attempt: int) -> None:
        self._called('secret_drop', task_id, ref)
        self.secrets.pop(ref, None)

    def _called(self, name: str, task_id: str, detail: Any) -> None:
        with self._changed:
            if self.away.is_set():
                raise errors.Unreachable('Nobody answers.')
            self.log.append((name, task_id, detail))
            self._changed.notify_all()

    def _answer(self, name: str, value: Any) -> Any:
        """An answer, unless it is one of those that get lost."""
        with self._changed:
            if self.losses.get(name, 0):
                self.losses[name] -= 1
                raise errors.Unreachable('The answer was lost.')
        return value
