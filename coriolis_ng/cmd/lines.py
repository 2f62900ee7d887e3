# SPDX-License-Identifier: Apache-2.0
"""What lines of the log look like, and where those of the audit go."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_utils import strutils

AUDIT = 'coriolis_ng.audit'
# ``work`` is made by our contexts: execution=… task=… attempt=…
FORMAT = (
    '%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s '
    '[%(request_id)s %(user_identity)s] %(work)s%(message)s'
)


# Tells of each try of each of its connections, and there are dozens.
_TALKATIVE = 'oslo.messaging._drivers.impl_rabbit'


class Seldom(logging.Filter):
    """Of lines of one kind lets one through in so many seconds."""

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, kind = self._clock(), str(record.msg)
        if now - self._told.get(kind, -self._seconds) < self._seconds:
            return False
        self._told[kind] = now
        return True


def setup(conf: cfg.ConfigOpts) -> None:
    """To be called after oslo.log has made the handlers."""
    identity = '%(user_id)s %(project_id)s'
    conf.set_default('logging_user_identity_format', identity)
    logging.setLogRecordFactory(_record)
    talkative = logging.getLogger(_TALKATIVE)
    if not any(isinstance(one, Seldom) for one in talkative.filters):
        talkative.addFilter(Seldom(10))
    for handler in logging.getLogger().handlers:
        handler.addFilter(_masked)
        _complain_once(handler, conf.prog)
    audit = logging.getLogger(AUDIT)
    audit.disabled = not conf.audit.enabled
    audit.setLevel(logging.INFO)
    if conf.audit.file:
        file = _file(conf.audit.file)
        _complain_once(file, conf.prog)
        audit.handlers = [file]
        audit.propagate = False


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    # Libraries have contexts of their own, which know nothing of ``work``.
    record = logging.LogRecord(*args, **kwargs)
    record.work = ''
    return record


def _masked(record: logging.LogRecord) -> bool:
    """Takes out what looks like a password, for what no task's mask saw."""
    try:
        text = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # A mistake in the program must neither end it nor show the values.
        place = f'{record.pathname}:{record.lineno}'
        record.msg, record.args = f'(no line can be made at {place})', ()
        return True
    hidden = strutils.mask_password(text)
    if hidden != text:
        record.msg, record.args = hidden, ()
    return True


def _complain_once(handler: logging.Handler, prog: str) -> None:
    """A disk that is full is one line on the standard error: a traceback
    for each line that is lost would only fill the next disk."""
    usual = handler.handleError
    said: set[int | None] = set()

    def told(record: logging.LogRecord) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):
            usual(record)  # a mistake in the program
        elif error.errno not in said:
            said.add(error.errno)
            place = getattr(handler, 'baseFilename', 'its place')
            # It may be the very stream that cannot be written to.
            with contextlib.suppress(OSError, ValueError):
                print(
                    f'{prog}: the log cannot be written to {place}: '
                    f'{error.strerror}; lines are lost until it can.',
                    file=sys.stderr,
                    flush=True,
                )

    handler.handleError = told  # type: ignore[method-assign]


def _file(path: str) -> logging.Handler:
    handler = _Restricted(pathlib.Path(path))
    handler.setFormatter(logging.Formatter('%(message)s'))
    return handler


class _Restricted(logging.handlers.WatchedFileHandler):
    """Who did what is not for everybody to read; nor is the next file,
    after this one was moved away."""

    def _open(self) -> Any:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return open(  # noqa: SIM115 - the handler closes it
            os.open(self.baseFilename, flags, 0o640), 'a', encoding='utf-8'
        )
