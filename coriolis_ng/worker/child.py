# SPDX-License-Identifier: Apache-2.0
"""The body of a child process: one task or one question, then the end.

It lives no longer than its worker: when the pipe closes, it and everything
that it started are killed at once, because another worker may already have
been given the same task.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import traceback
from types import FrameType
from typing import Any, cast

from coriolis_ng import errors
from coriolis_ng.engine.task import Task, Work
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.task import TaskState
from coriolis_ng.rpc.wire import Answer, Result
from coriolis_ng.transport.ratelimit import RateLimit
from coriolis_ng.worker import pipe, verbs
from coriolis_ng.worker.work import ChildWork, Line, load_object

LOG = logging.getLogger(__name__)

# Every request and key exchange of these would be a line, some of them with
# what nobody else may read.
_LOUD = (
    'barbicanclient',
    'keystoneauth',
    'paramiko',
    'stevedore',
    'taskflow',
    'urllib3',
)


# Made where this module is preloaded, and not in each child.
pipe.decoder(pipe.FromWorker)


def main(control: socket.socket) -> None:
    """Serves one first word that comes through ``control``."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    end = pipe.Pipe(control, pipe.FromWorker)
    line = Line(end)
    line.say(pipe.Hello(pid=os.getpid()))
    first = end.receive()
    if not isinstance(first, pipe.RunTask | pipe.RunQuery):
        return
    _send_logs(line)
    limit = RateLimit(first.limit if isinstance(first, pipe.RunTask) else None)
    threading.Thread(
        target=_listen,
        args=(end, line, stop, limit),
        name='listener',
        daemon=True,
    ).start()
    if isinstance(first, pipe.RunTask):
        line.say(pipe.Ended(result=_run_task(first, line, stop, limit)))
    else:
        line.say(pipe.Ended(answer=_run_query(first, line)))


def vanish() -> None:
    """Ends this process and all programs that it started."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.killpg(0, signal.SIGKILL)


def _listen(
    end: pipe.Pipe, line: Line, stop: threading.Event, limit: RateLimit
) -> None:
    while (message := end.receive()) is not None:
        if isinstance(message, pipe.StopNow):
            stop.set()
        elif isinstance(message, pipe.Reply):
            line.answered(message)
        elif isinstance(message, pipe.Limit):
            limit.change(message.bytes_per_second)
    os.killpg(0, signal.SIGKILL)


def _run_task(
    first: pipe.RunTask, line: Line, stop: threading.Event, limit: RateLimit
) -> Result:
    work = ChildWork(first.assignment, line, stop, first.providers, limit)
    try:
        try:
            return _run(first, work)
        finally:
            _close(work)
    except errors.Canceled as error:
        return Result(
            state=TaskState.CANCELED, message=error.message, code=error.code
        )
    except errors.CoriolisError as error:
        LOG.warning('%s (%s)', error.message, error.detail or error.code)
        return Result(
            state=TaskState.FAILED,
            message=error.message,
            detail=error.detail,
            code=error.code,
            retryable=error.retryable,
        )
    except Exception as error:
        # A task's code may raise anything; an error that is not one of ours
        # is the operator's, and the user is told its name only.
        LOG.error('%s', traceback.format_exc())
        return Result(
            state=TaskState.FAILED,
            message=f'Internal error: {type(error).__name__}.',
            code='internal',
        )


def _close(work: ChildWork) -> None:
    """What was made is made, even if a cloud does not let go nicely."""
    try:
        work.close()
    except Exception:
        # The result is known already: a cloud that cannot be left politely
        # changes nothing of it.
        LOG.warning('%s', traceback.format_exc())


def _run(first: pipe.RunTask, work: ChildWork) -> Result:
    kind = find_task(first.assignment.name)
    if first.assignment.version > kind.version:
        raise errors.Unsupported(
            f'This worker is older than the task {kind.__name__}.'
        )
    given = from_plain(kind.Input, first.assignment.input)
    made = kind().run(cast('Work', work), given)
    if made is None:
        made = kind.Output()
    if not isinstance(made, kind.Output):
        raise TypeError(f'{kind.__name__} gave {type(made).__name__}')
    return Result(state=TaskState.DONE, output=to_plain(made))


def find_task(name: str) -> type[Task]:
    """The class of a task; ``module:Class`` finds one that is no part of
    our own catalogue. Raises ``Unsupported``."""
    kind: Any
    if ':' in name:
        kind = load_object(name)
    else:
        from coriolis_ng.tasks import TASKS

        kind = TASKS.get(name)
    if not (isinstance(kind, type) and issubclass(kind, Task)):
        raise errors.Unsupported(f'This worker knows no task {name!r}.')
    return kind


def _run_query(first: pipe.RunQuery, line: Line) -> Answer:
    try:
        return verbs.answer(
            first.query,
            first.provider,
            first.secret,
            lambda payload: line.say(pipe.Learned(payload=payload)),
        )
    except errors.CoriolisError as error:
        LOG.warning('%s (%s)', error.message, error.detail or error.code)
        return Answer(
            code=error.code,
            message=error.message,
            field=getattr(error, 'field', ''),
        )
    except Exception as error:
        # The same for a question: it is answered, whatever happened.
        LOG.error('%s', traceback.format_exc())
        return Answer(
            code='internal',
            message=f'Internal error: {type(error).__name__}.',
        )


class _PipeHandler(logging.Handler):
    """Sends records to the worker, whose log they belong to."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        self._line.say(
            pipe.Logged(
                level=record.levelno,
                name=record.name,
                text=self.format(record)[:65536],
            )
        )


def _send_logs(line: Line) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_PipeHandler(line)]
    root.setLevel(logging.INFO)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
