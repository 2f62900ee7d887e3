# SPDX-License-Identifier: Apache-2.0
"""What goes on between us and one command that runs over SSH: its input,
its two outputs, and the reasons to stop listening."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import paramiko

from coriolis_ng import errors

CHUNK = 64 * 1024
KEPT_BYTES = 16 * 1024 * 1024
POLL_SECONDS = 0.25

Stop = Callable[[], bool | None]


class TimedOut(errors.CoriolisError):
    """A command did not end in the time that was given."""

    code = 'timed_out'


class Talk:
    """Feeds a channel and drains both its outputs at the same time: with
    one after the other a full window would stop both sides for ever."""

    def __init__(
        self,
        channel: paramiko.Channel,
        given: bytes | str | None,
        on_line: Callable[[str], None] | None,
    ) -> None:
        self._channel = channel
        self._given = given.encode() if isinstance(given, str) else given
        self._on_line = on_line
        self._parts: dict[bool, list[bytes]] = {False: [], True: []}
        self._kept = {False: 0, True: 0}
        self._partial = b''
        channel.settimeout(POLL_SECONDS)

    def until(
        self, timeout: float | None, stop: Stop | None, what: str
    ) -> None:
        """Until the command closes its output; else closes the channel.

        Raises ``TimedOut``, ``Canceled``, and ``InvalidInput`` for more
        than 16 MiB.
        """
        ended = threading.Event()
        side = [
            threading.Thread(target=self._feed, args=(ended,), daemon=True),
            threading.Thread(target=self._drain_errors, daemon=True),
        ]
        with contextlib.ExitStack() as end, contextlib.ExitStack() as undo:
            for thread in side:
                thread.start()
                end.callback(thread.join)
            end.callback(ended.set)
            # Without a channel the threads beside have nothing to wait for.
            undo.callback(self._channel.close)
            self._drain(timeout, stop, what)
            undo.pop_all()

    def stdout(self) -> str:
        """The standard output as text."""
        return self.raw().decode(errors='replace')

    def stderr(self) -> str:
        """The first 16 MiB of the error output as text."""
        return b''.join(self._parts[True]).decode(errors='replace')

    def raw(self) -> bytes:
        """The standard output."""
        return b''.join(self._parts[False])

    def _feed(self, ended: threading.Event) -> None:
        view = memoryview(self._given or b'')
        # A command may end without reading all of its input.
        with contextlib.suppress(OSError, EOFError):
            while view and not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    view = view[self._channel.send(view[:CHUNK]) :]
            self._channel.shutdown_write()

    def _drain_errors(self) -> None:
        while True:
            try:
                data = self._channel.recv_stderr(CHUNK)
            except TimeoutError:
                continue
            if not data:
                return
            self._keep(True, data)

    def _drain(
        self, timeout: float | None, stop: Stop | None, what: str
    ) -> None:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            if stop is not None and stop():
                raise errors.Canceled('Stopped as it was asked.')
            if until is not None and time.monotonic() > until:
                raise TimedOut(
                    f'The command "{what}" did not end in {timeout:g} s.'
                )
            try:
                data = self._channel.recv(CHUNK)
            except TimeoutError:
                continue
            if not data:
                break
            self._keep(False, data)
            self._lines(data)
        if self._partial:
            self._lines(b'\n')

    def _keep(self, is_error: bool, data: bytes) -> None:
        self._kept[is_error] += len(data)
        if self._kept[is_error] <= KEPT_BYTES:
            self._parts[is_error].append(data)
        elif not is_error:
            raise errors.InvalidInput('A command gave more than 16 MiB.')

    def _lines(self, data: bytes) -> None:
        if self._on_line is None:
            return
        *whole, self._partial = (self._partial + data).split(b'\n')
        for line in whole:
            self._on_line(line.decode(errors='replace'))
