# SPDX-License-Identifier: Apache-2.0
"""Where children come from: a small process that has everything imported.

A fork of it starts in milliseconds, where a fresh interpreter needs half a
second for the imports alone. It holds no connection, no thread and no
secret, so none is inherited. It ends when its worker is gone, and the
kernel then ends its children, whatever they wait for.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import threading

LOG = logging.getLogger(__name__)

# Only the import path travels by argv: what the worker can import, its
# children can, wherever the worker was started.
_PROGRAM = (
    'import sys; sys.path[:] = sys.argv[1:]; '
    'from coriolis_ng.worker import nursery; nursery.main()'
)
_PRELOAD = ('coriolis_ng.worker.child', 'coriolis_ng.tasks')
# Found once, and not in each child.
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


class Process:
    """A child, held by a descriptor that cannot mean another process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def wait(self, seconds: float) -> bool:
        """Waits for its end; False when it still runs."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(max(0, seconds) * 1000))

    def ask(self) -> None:
        """SIGTERM, to the child only."""
        if not self.wait(0):
            try:
                signal.pidfd_send_signal(self._fd, signal.SIGTERM)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        """SIGKILL, to the child and to the programs that it started."""
        if not self.wait(0):
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def close(self) -> None:
        os.close(self._fd)


class Nursery:
    """The worker's side; may be used by many threads.

    ``preload`` are modules beside our own that children will need.
    """

    def __init__(self, preload: tuple[str, ...] = ()) -> None:
        self._preload = preload
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process, once it is started."""
        process = self._process
        return process.pid if process else None

    def start(self) -> None:
        """Starts the process early, so that the first task finds it warm."""
        with self._lock:
            self._ensure()

    def fork(self) -> tuple[socket.socket, int]:
        """A new child: its pipe, and a descriptor to read what it writes to
        its standard output and error. Raises ``OSError``."""
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        try:
            with self._lock:
                self._hand_over([theirs.fileno(), write])
        except OSError:
            ours.close()
            os.close(read)
            raise
        finally:
            theirs.close()
            os.close(write)
        return ours, read

    def stop(self) -> None:
        """Ends the process, and with it all children."""
        with self._lock:
            if self._sock:
                self._sock.close()
                self._sock = None
            if self._process:
                try:
                    self._process.wait(5)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                self._process = None

    def _hand_over(self, descriptors: list[int]) -> None:
        sock = self._ensure()
        try:
            socket.send_fds(sock, [b'+'], descriptors)
        except OSError:
            LOG.warning('The process that starts children is gone; anew')
            socket.send_fds(self._ensure(), [b'+'], descriptors)

    def _ensure(self) -> socket.socket:
        if self._process and self._process.poll() is None and self._sock:
            return self._sock
        if self._sock:
            self._sock.close()
        self._sock, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, '-P', '-c', _PROGRAM, *sys.path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._sock.sendall('\n'.join(self._preload).encode() + b'\0')
        return self._sock


def main() -> None:
    """The body of the process: forks once for each pair of descriptors."""
    # It ends after its worker, also when a supervisor tells all processes
    # of the service to end: children go on until the worker stops them.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The kernel reaps: nobody here asks how a child ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sock = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    _name(b'coriolis-nurse')
    _import(_PRELOAD + _read_preload(sock))
    if len(os.listdir('/proc/self/task')) > 1:
        sys.stderr.write('a preloaded module has started a thread\n')
    # Pages that the collector never touches stay shared with children.
    gc.collect()
    gc.freeze()
    while True:
        data, fds, _, _ = socket.recv_fds(sock, 1, 2)
        if not data or len(fds) != 2:
            _end_children()
            return
        parent = os.getpid()
        if os.fork() == 0:
            try:
                sock.close()
                _become_child(parent, *fds)
            finally:
                os._exit(1)
        for fd in fds:
            os.close(fd)


def _end_children() -> None:
    """Ends each child with the programs that it started. Our own end would
    take the child alone, if it comes before the child has seen that its
    worker is gone."""
    known = pathlib.Path(f'/proc/self/task/{os.getpid()}/children')
    for word in known.read_text().split():
        # It has a group of its own, but for the moment after the fork.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(word), signal.SIGKILL)


def _become_child(parent: int, control: int, output: int) -> None:
    # Descriptors that came over a socket are inherited by programs.
    os.set_inheritable(control, False)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # A group of its own, so that what it starts can be ended with it.
    os.setsid()
    _name(b'coriolis-task')
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    from coriolis_ng.worker import child

    try:
        child.main(socket.socket(fileno=control))
    finally:
        child.vanish()


def _read_preload(sock: socket.socket) -> tuple[str, ...]:
    data = b''
    while not data.endswith(b'\0'):
        byte = sock.recv(1)
        if not byte:
            sys.exit(0)
        data += byte
    return tuple(data[:-1].decode().split())


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            # The task that needs it fails with a message of its own.
            sys.stderr.write(f'cannot preload {name}: {error}\n')


def _name(name: bytes) -> None:
    _LIBC.prctl(_PR_SET_NAME, name)
