# SPDX-License-Identifier: Apache-2.0
"""What all tasks of a worker share, and how they see the conductor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.rpc.wire import Assignment, Beat, Orders, Result
from coriolis_ng.secrets import seal
from coriolis_ng.worker.lease import Lease
from coriolis_ng.worker.nursery import Nursery
from coriolis_ng.worker.options import Options


class Conductor(Protocol):
    """The conductor as a worker sees it (``rpc.conductor.WorkerHalf``).

    Nobody there is ``Unreachable``; all of it may be repeated.
    """

    def take(
        self, task_id: str, attempt: int, host: str, incarnation: str
    ) -> Assignment: ...

    def beat(self, beat: Beat) -> Orders: ...

    def created(
        self, task_id: str, attempt: int, resource: Resource
    ) -> None: ...

    def dropped(
        self, task_id: str, attempt: int, kind: ResourceKind, id: str
    ) -> None: ...

    def finish(self, task_id: str, attempt: int, result: Result) -> None: ...

    def secret_get(self, ref: str, task_id: str, attempt: int) -> str: ...

    def secret_put(self, task_id: str, attempt: int, sealed: str) -> str: ...

    def secret_drop(self, ref: str, task_id: str, attempt: int) -> None: ...


@dataclass(frozen=True)
class Home:
    """What all tasks of a worker share.

    ``providers`` maps names to ``module:Class``; ``flush`` sends a beat now
    and returns when it was acknowledged or cannot be; ``divide`` gives all
    that copy their shares of the bandwidth; ``closed`` is set when the
    worker ends for good.
    """

    conductor: Conductor
    nursery: Nursery
    providers: Mapping[str, str]
    key: seal.Key
    lease: Lease
    host: str
    incarnation: str
    options: Options
    flush: Callable[[], None]
    divide: Callable[[], None] = lambda: None
    closed: threading.Event = field(default_factory=threading.Event)
