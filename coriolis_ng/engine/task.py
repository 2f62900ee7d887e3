# SPDX-License-Identifier: Apache-2.0
"""The contract of a task: what it takes, what it gives, what it changes.

A task is declared once and runs in a worker's child process; ``apply`` runs
in the conductor, inside the transaction that closes the task.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from coriolis_ng.objects import Value
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.task import Level


class Load(Value):
    """Part of a cloud: ``what`` is ``host`` or ``storage``."""

    side: Side
    what: str
    name: str


class Work(Protocol):
    """All that a task sees of the platform.

    Any call may raise ``Stale`` (the lease was lost) or ``Canceled``.
    ``source`` and ``target`` are the providers' connections (see
    ``providers.base.Connection``) for the sides that the task declares.
    ``options`` are the environments of both sides, checked already.
    """

    tag: str
    attempt: int
    instance: str
    source: Any
    target: Any
    # What its bytes may take: a ``transport.ratelimit.RateLimit``, whose
    # rate changes while it works.
    limit: Any
    source_options: dict[str, Any]
    target_options: dict[str, Any]
    # For cleanup tasks only: what the ledger names, the tags to look for in
    # the cloud, and the ids that must stay whatever is found.
    leftovers: tuple[Resource, ...]
    cleaned_tags: tuple[str, ...]
    owned: frozenset[str]

    def progress(
        self, done: int, total: int, *, item: str = '', unit: str = 'bytes'
    ) -> None:
        """How far the work (or one item of it) is; cheap, call often."""

    def note(self, text: str, level: Level = Level.INFO) -> None:
        """A line for the user."""

    def stop_if_asked(self) -> None:
        """Raises ``Canceled`` when the task was asked to stop."""

    @property
    def stopping(self) -> bool:
        """True when the task was asked to stop."""

    def checkpoint(self, value: Value) -> None:
        """Keeps ``value`` for the next attempt."""

    def resumed(self, kind: type[Value]) -> Any:
        """What an earlier attempt kept, or None."""

    def settle(self, value: Value) -> None:
        """Like ``checkpoint``, but returns after the commit: for what
        could not be found out again."""

    def cleaned(self, kind: type[Value]) -> Any:
        """For cleanup tasks only: what the tasks that it cleans kept (a
        tuple of ``kind``)."""

    def created(
        self, kind: ResourceKind, id: str, side: Side, parent: str = ''
    ) -> None:
        """Writes the ledger; returns after the commit. Call it BEFORE the
        thing is made."""

    def dropped(self, resource: Resource) -> None:
        """Takes an entry out of the ledger, after the thing is gone."""

    def secret(self, ref: str) -> bytes:
        """The clear payload of a secret that this task may read."""

    def keep(self, payload: bytes) -> str:
        """Puts a secret into the store (in the ledger, dropped by the
        cleanup) and returns its reference."""

    def forget(self, ref: str) -> None:
        """Drops a secret that ``keep`` stored; may be called twice."""


class Task:
    """The base of all tasks; subclasses set the class variables."""

    side: ClassVar[Side] = Side.NONE
    needs: ClassVar[tuple[str, ...]] = ()  # capabilities of the provider
    resumable: ClassVar[bool] = True
    silent_seconds: ClassVar[int] = 300
    version: ClassVar[int] = 1
    subject: ClassVar[type[Value] | None] = None  # what ``apply`` changes
    # Moves the contents of disks: limits of bandwidth are shared by these.
    moves: ClassVar[bool] = False

    class Input(Value):
        pass

    class Output(Value):
        pass

    def run(self, work: Work, given: Any) -> Any:
        """Does the work; returns an ``Output``."""
        raise NotImplementedError

    def apply(self, subject: Any, made: Any) -> Any:
        """The subject as it is after the task; pure."""
        return subject

    def taken(self, subject: Any, given: Any) -> Any:
        """The subject as it is from the moment on in which a worker takes
        the task; pure, in the transaction that gives it, so that nobody
        goes on with what the task is about to change. May be repeated."""
        return subject

    def failed(self, subject: Any, code: str) -> Any:
        """The subject as it is after the task failed with an error of that
        ``code``; pure, in the transaction that closes the task."""
        return subject

    def loads(self, given: Any) -> tuple[Load, ...]:
        """The hosts and the storage that it works hard: of each only so
        many tasks run at once. Pure."""
        return ()

    @classmethod
    def inherit(cls, checkpoint: dict[str, Any]) -> dict[str, Any] | None:
        """What a task of a new execution may go on from, of the checkpoint
        that this one left when its execution failed; None: nothing. Never
        anything that a cleanup removes. Pure."""
        return None

    @classmethod
    def switched_off(cls, checkpoint: dict[str, Any]) -> bool:
        """Whether the checkpoint says that its machine ran at the source
        until the task switched it off. Pure."""
        return False

    def renew(self, subject: Any, given: Any) -> Any:
        """The input as it should be now that the task is taken: what was
        planned may be hours old. Pure."""
        return given


class Cleanup(Task):
    """A task that removes what others made; it has no input but the ledger
    (``work.leftovers``) and never fails an execution."""

    def run(self, work: Work, given: Any) -> Any:
        raise NotImplementedError


__all__ = ['Cleanup', 'Load', 'Minion', 'Replica', 'Side', 'Task', 'Work']
