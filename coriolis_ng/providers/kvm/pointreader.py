# SPDX-License-Identifier: Apache-2.0
"""Reads a recovery point's file, through a ``qemu-nbd`` of its own."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import time

from coriolis_ng.providers import errors
from coriolis_ng.transport.nbd import NbdAddress
from coriolis_ng.transport.readers.nbd import NbdReader

_START_SECONDS = 20.0


class PointReader(NbdReader):
    """The server ends with the reader, and with this process: it is in no
    ledger, so nobody else would end it."""

    def __init__(self, path: pathlib.Path, export: str) -> None:
        self._folder = tempfile.mkdtemp(prefix='coriolis-point-')
        socket = f'{self._folder}/s'
        self._server = subprocess.Popen(
            ['setpriv', '--pdeathsig', 'KILL', 'qemu-nbd', '--read-only']
            + ['--persistent', '--shared=0', '--format=qcow2']
            + [f'--socket={socket}', f'--export-name={export}', '--']
            + [str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with contextlib.ExitStack() as undo:
            undo.callback(self._end)
            self._wait(pathlib.Path(socket))
            super().__init__(NbdAddress(export=export, socket=socket))
            undo.pop_all()

    def _wait(self, socket: pathlib.Path) -> None:
        until = time.monotonic() + _START_SECONDS
        while not socket.exists():
            if self._server.poll() is not None:
                assert self._server.stderr is not None
                raise errors.Conflict(
                    'The recovery point cannot be read.',
                    detail=self._server.stderr.read(),
                )
            if time.monotonic() > until:
                raise errors.Unreachable('qemu-nbd does not start.')
            time.sleep(0.02)

    def close(self) -> None:
        """Ends its connection, and the server with it."""
        super().close()
        self._end()

    def _end(self) -> None:
        if self._server.stderr is not None:
            self._server.stderr.close()
        with contextlib.suppress(ProcessLookupError):
            self._server.kill()
        self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
