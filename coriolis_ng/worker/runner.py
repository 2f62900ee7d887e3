# SPDX-License-Identifier: Apache-2.0
"""One attempt of a task, from ``take`` until ``finish`` is acknowledged."""

from __future__ import annotations

import base64
import enum
import logging
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from coriolis_ng import context, errors, metrics
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.objects.task import TaskState
from coriolis_ng.rpc import serializer
from coriolis_ng.rpc.wire import Assignment, Result, TaskBeat
from coriolis_ng.secrets import seal
from coriolis_ng.worker import pipe
from coriolis_ng.worker.home import Home
from coriolis_ng.worker.masking import Mask
from coriolis_ng.worker.moved import Moved
from coriolis_ng.worker.offspring import Child
from coriolis_ng.worker.report import Report

LOG = logging.getLogger(__name__)
OUTPUT = logging.getLogger('coriolis_ng.worker.output')


class Why(enum.Enum):
    """Why a task is stopped; a later one does not replace an earlier one,
    except STALE."""

    CANCEL = 'canceled'
    SILENT = 'silent'
    LEASE = 'lease_lost'
    SHUTDOWN = 'worker_stopped'
    STALE = 'stale'  # nothing is reported


class Runner:
    """One attempt; ``run`` belongs to a thread of its own."""

    def __init__(self, home: Home, task_id: str, attempt: int) -> None:
        self.task_id = task_id
        self.attempt = attempt
        self._home = home
        self._mask = Mask()
        self._lock = threading.Lock()
        self._assignment: Assignment | None = None
        self._child: Child | None = None
        self._why: Why | None = None
        self._kill_at: float | None = None
        self._heard_at = home.lease.now()
        self._calling = False
        self._report = Report(task_id, attempt)
        self._moved = Moved('')
        self._about: dict[str, Any] = {'task': task_id, 'attempt': attempt}
        self._cap: float | None = None
        self._share: float | None = None
        self._told_share: float | None = None

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        child = self._child
        return child.pid if child else None

    @property
    def stopping(self) -> bool:
        return self._why is not None

    @property
    def moves(self) -> bool:
        """It takes part in what limits of bandwidth leave."""
        return self._assignment is not None and self._assignment.moves

    @property
    def cap(self) -> float | None:
        """What the conductor leaves to it, in bytes per second."""
        return self._cap

    def run(self) -> None:
        """Takes the task, runs it and reports how it ended."""
        with context.within(**self._about), metrics.TASKS.track_inprogress():
            self._live()

    def _live(self) -> None:
        assignment = self._take()
        if assignment is None:
            return
        self._about |= {
            'request_id': assignment.request_id,
            'project_id': assignment.project_id,
            'execution': assignment.execution_id,
        }
        context.learn(**self._about)
        self._cap = assignment.limit
        self._assignment = assignment
        self._log(logging.INFO, f'began {assignment.name}')
        # An error in this very code must not leave the row running, or the
        # task would be taken and would fail again for ever.
        result = _BROKEN
        self._moved = Moved(assignment.name)
        try:
            result = self._judge(self._run(assignment))
        finally:
            self._moved.ended(result, stale=self._why is Why.STALE)
            self._tell(result)

    # --- told by the service ------------------------------------------------
    def stop(self, why: Why, grace: float) -> None:
        """Asks the child to end and kills it after ``grace`` seconds."""
        with self._lock:
            first = self._why is None
            if first or why is Why.STALE:
                self._why = why
            kill_at = self._home.lease.now() + grace
            if self._kill_at is None or kill_at < self._kill_at:
                self._kill_at = kill_at
            child = self._child
        if child and grace <= 0:
            child.kill()
        elif child and first:
            child.ask()

    def cap_to(self, bytes_per_second: float | None) -> None:
        """What a beat's answer leaves to it from now on."""
        self._cap = bytes_per_second

    def limit_to(self, bytes_per_second: float | None) -> None:
        """Its share of what this worker may copy."""
        self._share = bytes_per_second
        child = self._child
        if child is None or self._told_share == bytes_per_second:
            return
        # Before its first word it is tried again with the next tick.
        if child.limit(bytes_per_second):
            self._told_share = bytes_per_second

    def tick(self) -> None:
        """Looks at the clock: called every second or so."""
        now = self._home.lease.now()
        with self._lock:
            child = self._child
            overdue = self._kill_at is not None and now >= self._kill_at
            limit = self._assignment and self._assignment.silent_seconds
            silent = (
                child is not None
                and self._why is None
                and not self._calling
                and bool(limit)
                and now - self._heard_at >= float(limit or 0)
            )
        if child and overdue:
            child.kill()
        elif silent:
            self._log(logging.ERROR, f'said nothing for {limit} seconds')
            self.stop(Why.SILENT, self._home.options.stop_grace_seconds)

    def beat(self) -> TaskBeat | None:
        """What to tell, with all that no beat was acknowledged for; None
        before the task was taken."""
        if self._assignment is None:
            return None
        return self._report.beat()

    def acknowledged(self, told: TaskBeat) -> None:
        """The conductor has what ``beat`` gave."""
        self._report.acknowledged(told)

    # --- the child ----------------------------------------------------------
    def _run(self, assignment: Assignment) -> Result | None:
        child = Child(self._home.nursery, self._hear, self._print)
        with self._lock:
            self._child = child
            self._heard_at = self._home.lease.now()
            if self._why is not None:
                return None
        if assignment.moves:
            self._home.divide()
        self._told_share = self._share
        first = pipe.RunTask(
            assignment=assignment,
            providers=dict(self._home.providers),
            limit=self._told_share,
        )
        try:
            ended = child.run(first)
        except OSError as error:
            self._log(logging.ERROR, f'no process for it: {error}')
            return Result(
                state=TaskState.FAILED,
                message='The worker could not start a process.',
                code='no_process',
                retryable=True,
            )
        finally:
            with self._lock:
                self._child = None
        return ended.result if ended else None

    def _judge(self, result: Result | None) -> Result:
        """How the attempt ended, seen from here: who was stopped did not
        end by itself, unless it was done anyway."""
        why = self._why
        if why is None and result is not None and result.code == 'stale':
            why = Why.LEASE  # it noticed before we did
        if result is not None and result.state == TaskState.DONE:
            return result
        if why is None or why is Why.STALE:
            return result or Result(
                state=TaskState.FAILED,
                message='The process of the task ended without a result.',
                code='child_died',
                retryable=True,
            )
        if why is Why.CANCEL:
            if result is not None and result.state == TaskState.FAILED:
                return result
            return Result(
                state=TaskState.CANCELED,
                message='The task was stopped.',
                code='canceled',
            )
        return self._stopped(why)

    def _stopped(self, why: Why) -> Result:
        assert self._assignment is not None
        message = {
            Why.SILENT: 'The task said nothing for '
            f'{self._assignment.silent_seconds} seconds and was stopped.',
            Why.LEASE: 'The worker lost contact with the conductor.',
            Why.SHUTDOWN: 'The worker was stopped.',
        }[why]
        return Result(
            state=TaskState.FAILED,
            message=message,
            code=why.value,
            retryable=why is not Why.SILENT,
        )

    def _print(self, line: str) -> None:
        self._log(logging.INFO, self._mask.hide(line), OUTPUT)

    def _hear(self, message: pipe.FromChild) -> None:
        if isinstance(message, pipe.Logged):
            text = self._mask.hide(message.text)
            log = logging.getLogger(message.name)
            self._log(message.level, text, log)
            return
        if isinstance(message, pipe.Learned):
            self._mask.learn(message.payload)
            return
        with self._lock:
            self._heard_at = self._home.lease.now()
        if isinstance(message, pipe.Told):
            self._moved.tell(message.progress)
            self._report.tell(message.progress)
        elif isinstance(message, pipe.Saved):
            self._report.save(message.checkpoint)
        elif isinstance(message, pipe.Noted):
            self._report.note(self._mask.hide(message.text), message.level)
        elif isinstance(message, pipe.Call):
            self._answer(message)

    def _answer(self, call: pipe.Call) -> None:
        self._calling = True
        try:
            value = self._repeat(lambda: _CALLS[call.name](self, **call.args))
            answer = serializer.pack(value)
        except errors.CoriolisError as error:
            answer = serializer.pack_error(error)
        finally:
            with self._lock:
                self._calling = False
                self._heard_at = self._home.lease.now()
        child = self._child
        if child:
            child.say(pipe.Reply(id=call.id, answer=answer))

    def _created(self, resource: dict[str, Any]) -> None:
        self._home.conductor.created(
            self.task_id, self.attempt, from_plain(Resource, resource)
        )

    def _dropped(self, kind: str, id: str) -> None:
        self._home.conductor.dropped(
            self.task_id, self.attempt, ResourceKind(kind), id
        )

    def _secret(self, ref: str) -> str:
        sealed = self._home.conductor.secret_get(
            ref, self.task_id, self.attempt
        )
        payload = self._home.key.open(sealed)
        self._mask.learn(payload)
        return base64.b64encode(payload).decode()

    def _keep(self, payload: str) -> str:
        assert self._assignment is not None
        clear = base64.b64decode(payload)
        self._mask.learn(clear)
        return self._home.conductor.secret_put(
            self.task_id,
            self.attempt,
            seal.seal(self._assignment.seal_to, clear),
        )

    def _settle(self) -> None:
        self._home.flush()
        if not self._report.settled:
            raise errors.Unreachable('The conductor did not take it in.')

    def _forget(self, ref: str) -> None:
        self._home.conductor.secret_drop(ref, self.task_id, self.attempt)

    # --- the conductor ------------------------------------------------------
    def _tell(self, result: Result) -> None:
        if self._why is Why.STALE:
            self._log(logging.WARNING, 'stopped: not ours any more')
            return
        if self._report.fresh:
            self._home.flush()
        self._finish(
            msgspec.structs.replace(
                result,
                message=self._mask.hide(result.message),
                detail=self._mask.hide(result.detail),
            )
        )

    def _take(self) -> Assignment | None:
        home = self._home
        taken: Assignment
        try:
            taken = self._repeat(
                lambda: home.conductor.take(
                    self.task_id, self.attempt, home.host, home.incarnation
                )
            )
        except errors.Stale as error:
            # Another's, over, or out of reach; if it is still meant for
            # us, the answer to a beat will say so.
            self._log(logging.WARNING, f'not taken: {error.message}')
            return None
        except errors.CoriolisError as error:
            # It cannot be taken, now or later: said, not tried for ever.
            self._finish(_refused(error))
            return None
        return taken

    def _repeat(self, call: Callable[[], Any]) -> Any:
        """Calls until there is an answer or the task is not ours."""
        while True:
            try:
                return call()
            except errors.CoriolisError as error:
                if not error.retryable:
                    raise
            if self._why is Why.STALE or not self._home.lease.held:
                raise errors.Stale('The lease of the task is lost.')
            if self._home.closed.wait(self._home.options.retry_seconds):
                raise errors.Stale('The worker has ended.')

    def _finish(self, result: Result) -> None:
        replaced = False
        while True:
            try:
                self._home.conductor.finish(self.task_id, self.attempt, result)
                self._log(
                    logging.INFO, f'ended {result.state} {result.message}'
                )
                return
            except errors.Stale:
                self._log(logging.WARNING, 'ended, but was not ours any more')
                return
            except errors.CoriolisError as error:
                if not error.retryable:
                    self._log(logging.ERROR, f'refused: {error.message}')
                    if replaced:
                        return
                    # What it gave cannot be stored: then it has failed.
                    result, replaced = _refused(error), True
                    continue
            if self._why is Why.STALE:
                return
            if self._home.closed.wait(self._home.options.retry_seconds):
                return

    def _log(self, level: int, text: str, log: logging.Logger = LOG) -> None:
        # Some of these lines are of another thread than the task's.
        with context.within(**self._about):
            log.log(level, '%s', text)


_BROKEN = Result(
    state=TaskState.FAILED,
    message='Internal error in the worker.',
    code='internal',
)
_CALLS: dict[str, Callable[..., Any]] = {
    'created': Runner._created,
    'dropped': Runner._dropped,
    'secret': Runner._secret,
    'keep': Runner._keep,
    'forget': Runner._forget,
    'settle': Runner._settle,
}


def _refused(error: errors.CoriolisError) -> Result:
    return Result(
        state=TaskState.FAILED, message=error.message, code=error.code
    )
