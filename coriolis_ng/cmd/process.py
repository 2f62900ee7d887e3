# SPDX-License-Identifier: Apache-2.0
"""The frame of a process: its configuration, its log, its end."""

from __future__ import annotations

import contextlib
import logging
import queue
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Protocol

from oslo_config import cfg
from oslo_log import log

from coriolis_ng import conf as options
from coriolis_ng import version
from coriolis_ng.cmd import lines, reports, tracing

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

# Their every message would be a line, and bus messages are no news.
QUIET = (
    'amqp=WARNING',
    'kombu=WARNING',
    'oslo.messaging=WARNING',
    # Says when a connection is back.
    'oslo.messaging._drivers.impl_rabbit=INFO',
    'oslo_messaging=WARNING',
    'sqlalchemy=WARNING',
    # When a connection is lost: a traceback for each that was open, beside
    # the error that is raised.
    'sqlalchemy.pool=CRITICAL',
    'oslo_utils.excutils=CRITICAL',
    'alembic=WARNING',
    'stevedore=WARNING',
    'keystoneauth=WARNING',
    'keystonemiddleware=WARNING',
    'barbicanclient=WARNING',
    'urllib3=WARNING',
)


class Service(Protocol):
    """Something with threads: ``start`` returns, ``stop`` waits."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


def configure(
    prog: str,
    args: list[str] | None = None,
    *,
    files: list[str] | None = None,
    signals: bool = True,
) -> cfg.ConfigOpts:
    """Reads options and starts the log; gives the global configuration,
    because oslo.messaging looks for its options there. ``signals``: the
    process is ours, and SIGUSR2 asks it for a report."""
    conf = cfg.CONF
    options.register(conf)
    log.register_options(conf)
    log.set_defaults(
        logging_context_format_string=lines.FORMAT,
        default_log_levels=list(QUIET),
    )
    reports.register(conf)
    tracing.register(conf, prog)
    conf(
        args,
        project='coriolis',
        prog=prog,
        version=version.release(),
        default_config_files=files,
    )
    if not (conf.log_file or conf.log_dir):
        # Not to the standard output: whoever waits for a line there stops
        # reading after it, and a full pipe stops a process.
        conf.set_default('use_stderr', True)
    log.setup(conf, prog)
    lines.setup(conf)
    reports.setup(conf, prog, signals=signals)
    tracing.setup(conf)
    return conf


class Told:
    """Whether the process was told to end. No event: its lock may be held
    by the thread that waits, which is the one that a handler interrupts."""

    def __init__(self) -> None:
        self._words: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Ends the wait; may be called in a handler of a signal."""
        self._words.put(None)

    def is_set(self) -> bool:
        """Whether it was told, and nobody has waited for that yet."""
        return not self._words.empty()

    def wait(self) -> None:
        """Returns once it was told."""
        while True:
            # Handlers run in this thread, and only when it looks up.
            with contextlib.suppress(queue.Empty):
                return self._words.get(timeout=LOOK_SECONDS)


@contextlib.contextmanager
def told_to_end() -> Iterator[Told]:
    """What SIGTERM and SIGINT tell, while the block lasts; SIGHUP reads the
    configuration again, for options that may change."""
    told = Told()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {n: signal.signal(n, lambda *_: told.set()) for n in numbers}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _read_again)
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read_again(number: int, frame: FrameType | None) -> None:
    # Not in the handler: whatever it interrupts may hold a lock of the log.
    threading.Thread(target=_mutate, name='configuration').start()


def _mutate() -> None:
    try:
        cfg.CONF.mutate_config_files()
        # Whoever looks at an option while the files are read keeps what it
        # was in a cache, which is emptied at the beginning only.
        cfg.CONF.mutate_config_files()
    except cfg.Error as error:
        LOG.error('the configuration stays as it was: %s', error)


def run(services: Iterable[Service], ready: str = '') -> None:
    """Starts them in order, and stops them in reverse when told to end;
    ``ready`` is a line for whoever waits for that."""
    with told_to_end() as told, contextlib.ExitStack() as stack:
        for service in services:
            service.start()
            stack.callback(service.stop)
        if ready:
            print(ready, flush=True)
        told.wait()
        LOG.info('ending')
