# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of one's own on loopback, with its own port mapper."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
from types import TracebackType
from typing import Self

from tests.beds import process

# The server itself, not the wrapper in sbin: that one wants to change users.
PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server'


class RabbitMQ:
    """Use it with ``with``; ``url`` is for oslo.messaging. ``address`` is
    where it listens for clients."""

    def __init__(self, address: str = '127.0.0.1') -> None:
        self.address = address
        self.base = pathlib.Path(tempfile.mkdtemp(prefix='cng-rabbitmq-'))
        self.port = process.free_port()
        self._epmd_port = process.free_port()
        self._epmd: process.Server | None = None
        self._server: process.Server | None = None
        self._env = self._environment()

    @property
    def url(self) -> str:
        return f'rabbit://guest:guest@{self.address}:{self.port}/'

    def __enter__(self) -> Self:
        try:
            # Ours, so that it ends with us: a node that finds none starts
            # one that stays.
            self._epmd = process.Server(
                ['epmd', '-address', '127.0.0.1', '-port']
                + [str(self._epmd_port)],
                self.base / 'epmd.log',
            )
            self._epmd.wait_until(
                lambda: process.listens(self._epmd_port), 30, 'epmd'
            )
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the broker; what it kept from before is there again."""
        self._server = process.Server(
            [PROGRAM], self.base / 'log', env=self._env
        )
        self._server.wait_until(
            lambda: process.listens(self.port, self.address), 90, 'rabbitmq'
        )

    @property
    def environment(self) -> dict[str, str]:
        """What makes ``rabbitmqctl`` speak to this node."""
        return dict(self._env)

    def queues(self) -> dict[str, str]:
        """The type of each queue (classic, quorum) by its name."""
        told = self.control('-q', 'list_queues', 'name', 'type')
        rows = [line.split('\t') for line in told.splitlines()]
        return {name: kind for name, kind in rows if name != 'name'}

    def control(self, *words: str) -> str:
        """``rabbitmqctl``, such as ``control('trace_on')``; what it says."""
        program = PROGRAM.replace('rabbitmq-server', 'rabbitmqctl')
        done = subprocess.run(
            [program, *words],
            env={**os.environ, **self._env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError((done.stdout + done.stderr).decode())
        return done.stdout.decode()

    def stop(self) -> None:
        """Stop the broker, and every process of it."""
        if self._server is None:
            return
        self._server.stop()
        # The Erlang machine has helpers in the session that we gave it.
        for pid in _session(self._server.pid):
            process.end(pid, hows=(signal.SIGKILL,))
        self._server = None

    def close(self) -> None:
        self.stop()
        if self._epmd is not None:
            self._epmd.stop()
            self._epmd = None
        shutil.rmtree(self.base, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        base = self.base
        (base / 'plugins').write_text('[].\n')
        return {
            'HOME': str(base),
            'RABBITMQ_NODENAME': f'cng{self.port}@localhost',
            'RABBITMQ_NODE_PORT': str(self.port),
            'RABBITMQ_NODE_IP_ADDRESS': self.address,
            'RABBITMQ_DIST_PORT': str(process.free_port()),
            'ERL_EPMD_PORT': str(self._epmd_port),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'RABBITMQ_MNESIA_BASE': str(base / 'mnesia'),
            'RABBITMQ_LOG_BASE': str(base / 'logs'),
            'RABBITMQ_CONFIG_FILE': str(base / 'none'),
            'RABBITMQ_ADVANCED_CONFIG_FILE': str(base / 'none'),
            'RABBITMQ_CONF_ENV_FILE': str(base / 'none'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(base / 'plugins'),
            'RABBITMQ_PID_FILE': str(base / 'pid'),
            # One scheduler that sleeps instead of spinning.
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': (
                '+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}'
                # Its only user may come from elsewhere than loopback.
                ' -rabbit loopback_users []'
            ),
        }


def _session(leader: int) -> list[int]:
    """Processes of the session that ``leader`` was started in."""
    out = subprocess.run(
        ['ps', '-o', 'pid=', '-s', str(leader)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    mine = {os.getpid(), leader}
    return [int(pid) for pid in out.split() if int(pid) not in mine]
