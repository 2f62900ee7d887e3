# SPDX-License-Identifier: Apache-2.0
"""A real OpenSSH server on loopback with keys of its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from coriolis_ng.remote import keys, ssh

SSHD = Path('/usr/sbin/sshd')
CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
"""


class Sshd:
    """Its address, the keys that fit, and ``connect``."""

    def __init__(self, port: int, user_key: str, host_key: str) -> None:
        self.host = '127.0.0.1'
        self.port = port
        self.user_key = user_key
        self.host_key = host_key

    def connect(self, host_key: str | None = None) -> ssh.Ssh:
        return ssh.wait_for_ssh(
            self.host,
            self.port,
            'root',
            self.user_key,
            host_key or self.host_key,
            timeout_seconds=20,
        )


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running_sshd(folder: Path, more: str = '') -> Iterator[Sshd]:
    user_private, user_public = keys.make_keypair('user')
    host_private, host_public = keys.make_keypair('host')
    port = free_port()
    (folder / 'host_key').write_text(host_private)
    (folder / 'host_key').chmod(0o600)
    (folder / 'authorized_keys').write_text(user_public + '\n')
    (folder / 'sshd_config').write_text(
        CONFIG.format(port=port, folder=folder) + more
    )
    Path('/run/sshd').mkdir(mode=0o755, exist_ok=True)
    with (folder / 'sshd.log').open('wb') as log:
        process = subprocess.Popen(
            [SSHD, '-D', '-e', '-f', folder / 'sshd_config'],
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield Sshd(port, user_private, host_public)
        finally:
            process.terminate()
            process.wait(10)
