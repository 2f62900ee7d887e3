# SPDX-License-Identifier: Apache-2.0
"""What all parts of a conductor share; made once by ``cmd``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from coriolis_ng import errors
from coriolis_ng.conductor.limits import Limits, LocalLimits
from coriolis_ng.conductor.moves import Moves
from coriolis_ng.db.rows import TaskRow
from coriolis_ng.db.session import Database
from coriolis_ng.engine.plan import Plan
from coriolis_ng.engine.task import Task
from coriolis_ng.objects import Value
from coriolis_ng.objects.deployment import Deployment
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.rpc.worker import Workers
from coriolis_ng.secrets.base import SecretStore, Trusts


class Settings(Value):
    """All times are seconds.

    ``max_lost`` is how often in a row a task may be lost, or fail in a way
    that may pass, without having made any progress; the pause before the
    next attempt doubles from ``retry_seconds`` up to
    ``retry_max_seconds``; so do those between two tries to remove a stray.
    ``audit_delay_seconds`` after its end an execution is looked for once
    more in its clouds. At most ``endpoint_slots`` tasks run at once on an
    endpoint that does not say itself how many, ``host_slots`` and
    ``storage_slots`` of those that move bytes on a source's host and on a
    storage; 0 is no limit. What is one rank more urgent goes before what
    has waited up to ``ageing_seconds`` longer. A start within
    ``schedule_grace_seconds`` of its due time is on time.
    """

    lease_seconds: int = 90
    reap_seconds: float = 5
    advance_seconds: float = 5
    max_lost: int = 3
    max_attempts: int = 20
    retry_seconds: float = 2
    retry_max_seconds: float = 60
    query_seconds: float = 60
    max_instances: int = 500
    audit_seconds: float = 60
    audit_delay_seconds: float = 600
    audit_retry_seconds: float = 60
    audit_retry_max_seconds: float = 21600
    events_days: float = 14
    schedule_grace_seconds: float = 300
    endpoint_slots: int = 0
    host_slots: int = 4
    storage_slots: int = 16
    ageing_seconds: float = 3600


class SealKey(Protocol):
    """The key pair that all conductors share: ``secrets.seal.Key``."""

    @property
    def public(self) -> str: ...

    def open(self, sealed: str) -> bytes: ...


Replicas = Mapping[str, Replica]
Points = Mapping[str, RecoveryPoint]


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """Which tasks, in what order, for each kind of execution."""

    transfer: Callable[[Transfer, Replicas, ExecutionSpec], Plan]
    migration: Callable[[Transfer, Replicas, ExecutionSpec], Plan]
    deployment: Callable[
        [Deployment, Transfer, Points, Mapping[str, Volumes] | None], Plan
    ]
    teardown: Callable[[Deployment], Plan]
    disks: Callable[[Transfer, Replicas], Plan]
    points: Callable[[Transfer, Sequence[RecoveryPoint]], Plan]
    # Ids of machines to make or heal, to stop, and to drop.
    pool: Callable[[Sequence[str], Sequence[str], Sequence[str]], Plan]
    # Names of machines at the source.
    restart: Callable[[Sequence[str]], Plan]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """``tasks`` maps the names in rows to classes; ``seal`` encrypts for a
    public key: ``(public key, payload) -> sealed``. Without Keystone there
    are no ``trusts``; ``in_barbican`` says where connection information is
    put."""

    database: Database
    workers: Workers
    secrets: SecretStore
    key: SealKey
    seal: Callable[[str, bytes], str]
    tasks: Mapping[str, type[Task]]
    recipes: Recipes
    settings: Settings = field(default_factory=Settings)
    limits: Limits = field(default_factory=LocalLimits)
    trusts: Trusts | None = None
    moves: Moves = field(default_factory=Moves)
    in_barbican: bool = False

    def name_of(self, kind: type[Task]) -> str:
        """The name under which rows and workers know a class."""
        for name, known in self.tasks.items():
            if known is kind:
                return name
        return kind.__name__

    def kind_of(self, row: TaskRow) -> type[Task] | None:
        """The class of a task; None for one that only a newer conductor
        knows, by its name or by its version."""
        kind = self.tasks.get(row.name)
        return kind if kind and row.version <= kind.version else None

    def known(self, row: TaskRow) -> type[Task]:
        """The same, or ``Unreachable``: another conductor may be newer."""
        kind = self.kind_of(row)
        if kind is None:
            raise errors.Unreachable(
                f'This conductor is older than the task {row.name}.'
            )
        return kind
