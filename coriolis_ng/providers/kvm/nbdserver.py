# SPDX-License-Identifier: Apache-2.0
"""``qemu-nbd`` as a read-only server of one file, on a unix socket."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time

from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm.qcow2 import BUSY

STOP_SECONDS = 5.0


def start(
    path: str,
    form: str,
    socket: pathlib.Path,
    *,
    export: str,
    bitmap: str | None = None,
) -> None:
    """Serves ``path`` until :func:`stop`; it outlives this process.

    A lock keeps everybody from writing to the file meanwhile, a machine
    that is started included. Its process id is beside the socket.
    """
    argv = ['qemu-nbd', '--fork', '--read-only', '--persistent']
    argv += ['--shared=0', f'--socket={socket}', f'--format={form}']
    argv += [f'--pid-file={_pidfile(socket)}', f'--export-name={export}']
    if bitmap is not None:
        argv.append(f'--bitmap={bitmap}')
    done = subprocess.run(
        [*argv, '--', path],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return
    text = done.stderr.strip()
    if any(word in text for word in BUSY):
        raise errors.Conflict(
            'A disk is in use by another process: was the machine just '
            'switched on?',
            detail=text,
        )
    last = text.splitlines()[-1] if text else 'no reason given'
    raise errors.Conflict(
        f'qemu-nbd cannot serve the disk: {last}',
        detail=text,
    )


def stop(socket: pathlib.Path) -> None:
    """Ends the server of that socket; silent when there is none."""
    pidfile = _pidfile(socket)
    with contextlib.suppress(OSError, ValueError):
        pid = int(pidfile.read_text())
        # Process ids are used again: look before ending one from a file.
        if is_serving(pid, socket):
            _end(pid)
    pidfile.unlink(missing_ok=True)
    socket.unlink(missing_ok=True)


def is_serving(pid: int, socket: pathlib.Path) -> bool:
    """Whether process ``pid`` is the server of that socket."""
    try:
        words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
    except OSError:
        return False
    return f'--socket={socket}'.encode() in words


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        if not pathlib.Path(f'/proc/{pid}/cmdline').exists():
            return
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _pidfile(socket: pathlib.Path) -> pathlib.Path:
    return socket.with_suffix('.pid')
