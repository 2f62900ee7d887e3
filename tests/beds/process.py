# SPDX-License-Identifier: Apache-2.0
"""Start a server in a directory of its own and end it by its process id."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence


class Server:
    """One process of ours; its output is in ``log``."""

    def __init__(
        self,
        argv: Sequence[str | pathlib.Path],
        log: pathlib.Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        with log.open('ab') as file:
            self._process = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=None if env is None else {**os.environ, **env},
                # A Ctrl-C in the terminal is for the tests; they end us.
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_until(
        self, ready: Callable[[], bool], seconds: float, what: str
    ) -> None:
        """Raise ``RuntimeError`` with the log's end when it gets not ready."""
        until = time.monotonic() + seconds
        while not ready():
            if not self.running or time.monotonic() > until:
                tail = self.log.read_text(errors='replace')[-2000:]
                raise RuntimeError(f'{what} did not start:\n{tail}')
            time.sleep(0.05)

    def tell(self, how: int) -> None:
        """Send a signal, if it still runs, and do not wait."""
        if self.running:
            self._process.send_signal(how)

    def wait(self, seconds: float) -> int:
        """Its exit status, once it ended by itself."""
        return self._process.wait(seconds)

    def stop(self, seconds: float = 20, how: int = signal.SIGTERM) -> None:
        """Ask it to end, and kill it when it has not after ``seconds``."""
        self.tell(how)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Power cut: SIGKILL."""
        self.stop(how=signal.SIGKILL)


def end(
    pid: int,
    seconds: float = 5,
    hows: Sequence[int] = (signal.SIGTERM, signal.SIGKILL),
) -> None:
    """End a process that is not our child; return when it is gone."""
    for how in hows:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not alive(pid):
                return
            time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether ``pid`` runs; a zombie that its parent forgot does not."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return False
    return text.rpartition(')')[2].split()[0] != 'Z'


def own(base: pathlib.Path) -> None:
    """Note in ``base`` that it is this process's, for ``orphaned``."""
    (base / 'owner').write_text(f'{os.getpid()} {_born(os.getpid())}')


def orphaned(base: pathlib.Path) -> bool:
    """Whether the process that made ``base`` is gone; False if none did."""
    try:
        pid, born = (base / 'owner').read_text().split()
    except (OSError, ValueError):
        return False
    return not alive(int(pid)) or _born(int(pid)) != born


def _born(pid: int) -> str:
    """When a process started: ids are used again, this pair is not."""
    text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    return text.rpartition(')')[2].split()[19]


def free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return int(sock.getsockname()[1])


def listens(port: int, address: str = '127.0.0.1') -> bool:
    """Whether something accepts connections on ``port``."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex((address, port)) == 0
