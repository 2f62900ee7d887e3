# SPDX-License-Identifier: Apache-2.0
"""Starts memory clouds: real processes that speak HTTP on loopback."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from coriolis_ng.providers.memory.client import Client

PASSWORD = 'memory-cloud-password'


class MemoryCloud:
    """A running cloud, what a test does behind its back, and its log."""

    def __init__(
        self,
        port: int,
        log: pathlib.Path,
        password: str = PASSWORD,
        address: str = '127.0.0.1',
    ) -> None:
        self.port = port
        self.client = Client(address, port, password)
        self._address = address
        self._log = log
        self._password = password

    @property
    def connection_info(self) -> dict[str, Any]:
        return {
            'host': self._address,
            'port': self.port,
            'password': self._password,
        }

    def call(self, name: str, /, **given: Any) -> Any:
        return self.client.clone().call(name, **given)

    def make_machine(self, name: str, *sizes: int, **more: Any) -> str:
        disks = [
            {'id': f'disk{n}', 'size': size} for n, size in enumerate(sizes)
        ]
        return self.call('test_make_machine', name=name, disks=disks, **more)

    def write(self, name: str, disk: str, offset: int, data: bytes) -> None:
        self.call(
            'test_write',
            machine=name,
            disk=disk,
            offset=offset,
            payload=base64.b64encode(data).decode(),
        )

    def log(self) -> list[dict[str, Any]]:
        with self._log.open() as lines:
            return [json.loads(line) for line in lines]

    def left(self) -> dict[str, list[str]]:
        """What of ours is in the cloud, by kind; empty lists left out."""
        found = self.call('test_counts')
        return {kind: ids for kind, ids in found.items() if ids}


@contextlib.contextmanager
def started(
    folder: pathlib.Path,
    name: str = 'cloud',
    capacity: int = 1 << 40,
    password: str = PASSWORD,
    address: str = '127.0.0.1',
) -> Iterator[MemoryCloud]:
    """A cloud of its own, ended by its process id."""
    log = folder / f'{name}.log'
    process = subprocess.Popen(
        [
            sys.executable,
            '-m',
            'coriolis_ng.providers.memory.server',
            '--log',
            str(log),
            '--capacity',
            str(capacity),
            '--address',
            address,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        process.stdin.write(password + '\n')
        process.stdin.flush()
        port = json.loads(process.stdout.readline())['port']
        yield MemoryCloud(port, log, password, address)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
