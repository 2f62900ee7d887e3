# SPDX-License-Identifier: Apache-2.0
"""What runs for a while, an execution or a deployment, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from coriolis_ng.client.errors import (
    ApiError,
    Failed,
    TimedOut,
    Unavailable,
)
from coriolis_ng.client.resource import Resource, Stamped

ENDED = ('COMPLETED', 'ERROR', 'CANCELED')
# An API that is restarted, or a conductor that moves: they come back.
PATIENCE_SECONDS = 600.0
POLL_SECONDS = 1.0


class Progress(Resource):
    """How far an item of a task is; bytes where ``unit`` is ``bytes``,
    then ``rate`` is bytes per second and ``limit`` what limits of bandwidth
    leave to the task."""

    item: str
    done: int
    total: int
    unit: str
    rate: float | None
    eta_seconds: float | None
    limit: float | None


class Task(Stamped):
    """A step; ``exception_details`` says why, where ``status`` is ERROR."""

    parts: ClassVar[Mapping[str, type[Resource]]] = {'progress': Progress}

    execution_id: str
    instance: str
    host: str | None
    status: str
    task_type: str
    exception_details: str | None
    depends_on: list[str] | None
    index: int
    on_error: bool
    reason: str
    attempt: int
    started_at: str | None
    ended_at: str | None
    progress: list[Progress]
    progress_updates: list[dict[str, Any]]

    @property
    def notes(self) -> list[str]:
        """What it said, without the lines about its progress, which come
        last and have ``progress`` as well."""
        updates = self.progress_updates
        count = len(updates) - len(self.get('progress', ()))
        return [str(one['message']) for one in updates[:count]]


class Run(Stamped):
    """Tasks, and the status of all of them together."""

    parts: ClassVar[Mapping[str, type[Resource]]] = {'tasks': Task}

    tasks: list[Task]

    @property
    def state(self) -> str:
        """RUNNING, COMPLETED, ERROR, CANCELED, ..."""
        return str(self.get('status') or self.get('last_execution_status'))

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in ENDED

    @property
    def causes(self) -> list[str]:
        """Why it failed, a line for each machine's first failure; what was
        cleaned up afterwards is no cause."""
        return [
            f'{task.instance}: {task.exception_details}'
            for task in self.get('tasks', ())
            if task.get('exception_details') and not task.get('on_error')
        ]


T = TypeVar('T', bound=Run)


def wait(
    look: Callable[[], T],
    *,
    progress: Callable[[T], None] | None = None,
    trouble: Callable[[ApiError], None] | None = None,
    timeout: float | None = None,
    patience: float = PATIENCE_SECONDS,
    poll: float = POLL_SECONDS,
) -> T:
    """Looks until it ended; what it looked like then.

    ``progress`` is called with every look. While the service cannot be
    reached, ``trouble`` is called instead, for ``patience`` seconds before
    the error is raised. ``TimedOut`` after ``timeout`` seconds.
    """
    began = reached = time.monotonic()
    seen = False
    while True:
        try:
            found = look()
        except Unavailable as error:
            # What never answered is more likely a wrong address.
            if not seen or time.monotonic() - reached > patience:
                raise
            if trouble:
                trouble(error)
        else:
            seen, reached = True, time.monotonic()
            if progress:
                progress(found)
            if found.ended:
                return found
        if timeout is not None and time.monotonic() - began > timeout:
            raise TimedOut(
                f'It has not ended in {timeout:.0f} seconds; it goes on.',
                code='timed_out',
            )
        time.sleep(poll)


def succeeded(run: T) -> T:
    """``run`` itself when it is COMPLETED, else ``Failed``."""
    if run.state == 'COMPLETED':
        return run
    what = {'ERROR': 'failed', 'CANCELED': 'was canceled'}
    told = f'It {what.get(run.state, "is " + run.state)}.'
    raise Failed('\n  '.join([told, *run.causes]), run)
