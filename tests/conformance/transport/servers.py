# SPDX-License-Identifier: Apache-2.0
"""Real servers for the tests of the transport: the agent, qemu-nbd."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coriolis_ng.transport import Certificates, agent_program

HOST = '127.0.0.1'


class Agent:
    """A running agent process; ``start`` may be called again after a kill."""

    def __init__(
        self,
        folder: Path,
        disks: dict[str, Any],
        certificates: Certificates,
        *,
        python: str = sys.executable,
        **config: Any,
    ) -> None:
        self.certificates = certificates
        self._python = python
        self._program = folder / 'agent.pyz'
        self._program.write_bytes(agent_program())
        self._config: dict[str, Any] = {
            'listen': HOST,
            'port': 0,
            'cert': certificates.server_cert.decode(),
            'key': certificates.server_key.decode(),
            'ca': certificates.ca.decode(),
            'disks': {name: str(path) for name, path in disks.items()},
            'lease_seconds': 60,
            **config,
        }
        self.port = 0

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self._python, str(self._program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(self._config).encode())
        self.process.stdin.close()
        line = self.process.stdout.readline()
        assert line, self.process.wait()
        self.port = json.loads(line)['port']
        self._config['port'] = self.port

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@contextlib.contextmanager
def agent(
    folder: Path,
    disks: dict[str, Any],
    certificates: Certificates,
    **config: Any,
) -> Iterator[Agent]:
    """An agent that is there while the block runs."""
    server = Agent(folder, disks, certificates, **config)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def listening(argv: list[str], pid: Path) -> Iterator[None]:
    """A server process that writes ``pid`` as soon as it listens."""
    process = subprocess.Popen(argv)
    try:
        for _ in range(1500):
            if pid.exists():
                break
            assert process.poll() is None, 'the server ended'
            time.sleep(0.02)
        assert pid.exists(), 'the server does not listen'
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def qemu_nbd(disk: Path, folder: Path, *more: str) -> Iterator[str]:
    """URI of a qemu-nbd that exports ``disk`` to up to 16 clients."""
    path, pid = folder / 'qemu-nbd.sock', folder / 'qemu-nbd.pid'
    pid.unlink(missing_ok=True)
    argv = ['qemu-nbd', '-t', '-e', '16', '-k', str(path), '--discard=unmap']
    argv.append(f'--pid-file={pid}')
    if not any(word.startswith('--format') for word in more):
        argv.append('--format=raw')
    with listening([*argv, *more, str(disk)], pid):
        yield f'nbd+unix:///?socket={path}'


@contextlib.contextmanager
def nbdkit(
    disk: Path, folder: Path, *options: str, settings: tuple[str, ...] = ()
) -> Iterator[str]:
    """URI of an nbdkit with its file plugin."""
    path, pid = folder / 'nbdkit.sock', folder / 'nbdkit.pid'
    pid.unlink(missing_ok=True)
    argv = ['nbdkit', '-f', '-U', str(path), '-P', str(pid), *options]
    with listening([*argv, 'file', str(disk), *settings], pid):
        yield f'nbd+unix:///?socket={path}'
