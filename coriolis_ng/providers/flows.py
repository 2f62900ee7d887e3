# SPDX-License-Identifier: Apache-2.0
"""Local flows: several steps inside one task that undo themselves.

A thin layer over taskflow: steps in order or side by side, retries, and
undoing in reverse when one fails. Nothing here survives the process: what
must is a task, and what a step makes is in the ledger before it is made.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Mapping
from typing import Any

# taskflow imports eventlet where it is installed, and never uses it here.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')

from taskflow import engines, flow, states, task  # noqa: E402
from taskflow.exceptions import WrappedFailure  # noqa: E402
from taskflow.listeners import base as listeners  # noqa: E402
from taskflow.patterns import linear_flow  # noqa: E402
from taskflow.types.failure import Failure  # noqa: E402

from coriolis_ng import errors  # noqa: E402

LOG = logging.getLogger(__name__)


class Step(task.Task):
    """A step of a flow: override ``execute``, and ``revert`` where there
    is something to undo. The name of the class is the name of the step.

    ``provides`` names the result for the steps that take it as an argument
    of ``execute``; ``provides`` and ``inject`` are as in taskflow.
    """

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name or type(self).__name__, **options)


class LogListener(listeners.Listener):
    """Writes what happens to the steps into the log: names and seconds,
    never arguments or results, which may hold secrets."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self._began: dict[str, float] = {}

    def _task_receiver(self, state: str, details: dict[str, Any]) -> None:
        name = details['task_name']
        if state in (states.RUNNING, states.REVERTING):
            self._began[name] = time.monotonic()
            LOG.debug('step=%s %s', name, state.lower())
            return
        if state not in (states.SUCCESS, states.FAILURE, states.REVERTED):
            return
        seconds = time.monotonic() - self._began.pop(name, time.monotonic())
        level = logging.WARNING if state == states.FAILURE else logging.INFO
        LOG.log(level, 'step=%s %s %.1f s', name, state.lower(), seconds)


def in_order(name: str, *steps: flow.Flow | task.Task) -> flow.Flow:
    """Steps, or whole flows, one after the other; the later ones may take
    what the earlier ones provide."""
    return linear_flow.Flow(name).add(*steps)


def run(
    steps: flow.Flow, store: Mapping[str, Any] | None = None, threads: int = 1
) -> dict[str, Any]:
    """Runs a flow and returns all that its steps provide, by name.

    With ``threads`` above 1 the parts of an ``unordered_flow`` run side by
    side. Raises the error of the step that failed last, after everything
    was undone: one of ours where there is one, and never taskflow's wrapper
    (which also holds the failures that were retried).
    """
    options: dict[str, Any] = {'engine': 'serial'}
    if threads > 1:
        options = {
            'engine': 'parallel',
            'executor': 'threaded',
            'max_workers': threads,
        }
    engine = engines.load(steps, store=dict(store or {}), **options)
    try:
        with LogListener(engine):
            engine.run()
    except WrappedFailure as wrapped:
        raise _unwrap(wrapped) from None
    made: dict[str, Any] = engine.storage.fetch_all()
    return made


def _unwrap(wrapped: WrappedFailure) -> BaseException:
    found = [_error(failure) for failure in _flat(wrapped)]
    ours = [e for e in found if isinstance(e, errors.CoriolisError)]
    return (ours or found)[-1]


def _flat(wrapped: WrappedFailure) -> list[Failure]:
    failures: list[Failure] = []
    for failure in wrapped:
        if isinstance(failure.exception, WrappedFailure):
            failures.extend(_flat(failure.exception))
        else:
            failures.append(failure)
    return failures


def _error(failure: Failure) -> BaseException:
    # Without persistence a failure always holds its exception.
    return failure.exception or errors.CoriolisError(
        'A step failed.', detail=str(failure)
    )
