# SPDX-License-Identifier: Apache-2.0
"""Values that cross the bus.

Every call carries one plain dict made by ``to_plain`` of one of these (or of
the domain's values) and answers one. No value here carries a secret: access
to a cloud is a reference, and ``secret_get`` answers ciphertext.
"""

from __future__ import annotations

from typing import Any

from coriolis_ng.objects.preflight import Finding
from coriolis_ng.objects.resource import Resource
from coriolis_ng.objects.service import Facts, ProviderInfo
from coriolis_ng.objects.task import Note, Progress
from coriolis_ng.objects.value import Value


class Access(Value):
    """A cloud as a worker sees it: provider, secret reference, options."""

    endpoint_id: str
    provider: str
    secret: str
    options: dict[str, Any] = {}


class Assignment(Value):
    """The answer of ``take``: everything that a task needs."""

    task_id: str
    attempt: int
    execution_id: str
    name: str  # the task's class name
    version: int
    instance: str
    tag: str
    input: dict[str, Any]
    source: Access | None = None
    target: Access | None = None
    leftovers: tuple[Resource, ...] = ()
    cleaned_tags: tuple[str, ...] = ()  # of the tasks that it cleans
    cleaned_checkpoints: tuple[dict[str, Any], ...] = ()  # those they left
    owned: tuple[str, ...] = ()  # ids that must stay, whatever is found
    checkpoint: dict[str, Any] | None = None
    silent_seconds: int = 300
    lease_seconds: int = 90
    seal_to: str = ''  # the conductors' public key, for ``secret_put``
    # It moves the contents of disks: limits of bandwidth are shared by all
    # that do, and this is its share of those that workers do not know.
    moves: bool = False
    limit: float | None = None  # bytes per second
    # For the log: whose execution it is, and which request began it.
    project_id: str = ''
    request_id: str = ''


class Result(Value):
    """How a task ended: ``state`` is done, failed or canceled; ``message``
    is the user's, ``detail`` the operator's."""

    state: str
    output: dict[str, Any] = {}
    message: str = ''
    detail: str = ''
    code: str = ''
    retryable: bool = False


class TaskBeat(Value):
    """What a running task has to tell since the last beat."""

    task_id: str
    attempt: int
    progress: tuple[Progress, ...] = ()
    notes: tuple[Note, ...] = ()
    checkpoint: dict[str, Any] | None = None
    advanced: bool = False  # a checkpoint was made since the last beat


class Beat(Value):
    """One call per worker and period. The first one of an incarnation
    frees the tasks of the one before."""

    host: str
    incarnation: str
    release: str
    capacity: int
    seal_key: str
    providers: tuple[ProviderInfo, ...] | None = None  # None: as before
    kinds: dict[str, int] = {}  # versions of tasks, told with providers
    facts: Facts | None = None  # told with providers
    tasks: tuple[TaskBeat, ...] = ()


class Stop(Value):
    task_id: str
    attempt: int
    forced: bool = False
    stale: bool = False  # not yours any more: kill it, report nothing


class Hold(Value):
    task_id: str
    attempt: int


class Limit(Value):
    """What a task may take of the limits of endpoints and transfers, in
    bytes per second; None is no limit."""

    task_id: str
    attempt: int
    bytes_per_second: float | None = None


class Orders(Value):
    """The answer of a beat: what to stop, what else to hold (a lost
    ``start``), how fast it may copy, and for how long the leases now run.
    ``known`` is false when the conductor wants ``providers`` told again."""

    stop: tuple[Stop, ...] = ()
    hold: tuple[Hold, ...] = ()
    limits: tuple[Limit, ...] = ()
    lease_seconds: int = 90
    known: bool = True


class Query(Value):
    """A question to a cloud: no task, no row; 60 s at most.

    ``verb``: validate, instances, instance, networks, storage, options,
    source_preflight (args vm name, options), target_preflight (args vm,
    storage, options), check_schema.
    """

    verb: str
    access: Access
    args: dict[str, Any] = {}
    secret_sealed: str = ''


class Answer(Value):
    """``value`` is plain; an error has ``code`` and ``message``."""

    value: Any = None
    code: str = ''
    message: str = ''
    field: str = ''
    findings: tuple[Finding, ...] = ()
