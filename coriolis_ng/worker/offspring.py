# SPDX-License-Identifier: Apache-2.0
"""The worker's handle of one child: start it, hear it, end it."""

from __future__ import annotations

import logging
import os
import selectors
import threading
from collections.abc import Callable

import msgspec

from coriolis_ng.worker import pipe
from coriolis_ng.worker.nursery import Nursery, Process

LOG = logging.getLogger(__name__)

END_SECONDS = 5.0  # from a child's last word to its end
_LINE = 8192  # bytes: what is longer is cut into several lines


class Child:
    """One child; ``run`` belongs to one thread, the rest to any.

    ``heard`` gets every message but the first and the last, ``printed``
    every line that the child or its programs write.
    """

    def __init__(
        self,
        nursery: Nursery,
        heard: Callable[[pipe.FromChild], None],
        printed: Callable[[str], None],
    ) -> None:
        self._nursery = nursery
        self._heard = heard
        self._printed = printed
        self._lock = threading.Lock()
        self._pipe: pipe.Pipe | None = None
        self._process: Process | None = None
        self._asked = self._killed = self._fed = False
        self._last: pipe.Ended | None = None
        self._rest = b''

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process else None

    def run(self, first: pipe.RunTask | pipe.RunQuery) -> pipe.Ended | None:
        """Starts it and returns when it is gone: its last word, or None
        when it ended without one. Raises ``OSError`` when nothing can be
        started."""
        sock, output = self._nursery.fork()
        end = pipe.Pipe(sock, pipe.FromChild)
        with self._lock:
            self._pipe = end
            if self._killed:
                end.hang_up()
        try:
            self._listen(end, output, first)
        except msgspec.MsgspecError as error:
            LOG.error('A child said what nobody understands: %s', error)
        finally:
            self._bury(end, output)
        return self._last

    def say(self, message: pipe.FromWorker) -> None:
        """Sends; nothing happens when the child is gone."""
        if self._pipe:
            self._pipe.send(message)

    def limit(self, bytes_per_second: float | None) -> bool:
        """Changes what its bytes may take; False before its first word,
        which says it as well."""
        if not self._fed:
            return False
        self.say(pipe.Limit(bytes_per_second=bytes_per_second))
        return True

    def ask(self) -> None:
        """Asks the child to stop, on two ways: a signal is not seen in a
        long call of a C library, a message not by a stopped reader."""
        with self._lock:
            self._asked = True
            if self._pipe and self._process:
                self._pipe.send(pipe.StopNow())
                self._process.ask()

    def kill(self) -> None:
        """Ends the child and all that it started, now."""
        with self._lock:
            self._killed = True
            if self._process:
                self._process.kill()
            elif self._pipe:
                self._pipe.hang_up()

    def _listen(
        self, end: pipe.Pipe, output: int, first: pipe.FromWorker
    ) -> None:
        os.set_blocking(output, False)
        with selectors.DefaultSelector() as selector:
            selector.register(end.fileno(), selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            while True:
                limit = END_SECONDS if self._last else None
                ready = {key.fd for key, _ in selector.select(limit)}
                if not ready:
                    return
                if output in ready and not self._print(output):
                    selector.unregister(output)
                if end.fileno() in ready:
                    message = end.receive()
                    if message is None:
                        return
                    self._understand(message, end, first)

    def _understand(
        self,
        message: pipe.FromChild,
        end: pipe.Pipe,
        first: pipe.FromWorker,
    ) -> None:
        if isinstance(message, pipe.Hello):
            self._adopt(message.pid, end, first)
        elif isinstance(message, pipe.Ended):
            self._last = message
        else:
            self._heard(message)

    def _adopt(self, pid: int, end: pipe.Pipe, first: pipe.FromWorker) -> None:
        with self._lock:
            try:
                self._process = Process(pid)
            except ProcessLookupError:
                return  # gone already; the pipe will say so
            if self._killed:
                self._process.kill()
                return
            end.send(first)
            self._fed = True
            if self._asked:
                end.send(pipe.StopNow())

    def _print(self, output: int) -> bool:
        """False when there is nothing to read, now or any more."""
        try:
            data = os.read(output, _LINE)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b'\n')
        if len(self._rest) > _LINE or not data:
            lines.append(self._rest)
            self._rest = b''
        for line in lines:
            if line.strip():
                self._printed(line.decode('utf-8', 'replace'))
        return bool(data)

    def _bury(self, end: pipe.Pipe, output: int) -> None:
        process = self._process
        if process:
            if not process.wait(1):
                process.kill()
            # It may be in the kernel for long (a dead NFS server): what
            # still might write is never reported as ended.
            while not process.wait(60):
                LOG.warning('Process %d does not die', process.pid)
        with self._lock:
            self._pipe = self._process = None
        if process:
            process.close()
        end.close()
        while self._print(output):
            pass
        os.close(output)
