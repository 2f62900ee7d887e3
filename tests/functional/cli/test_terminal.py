# SPDX-License-Identifier: Apache-2.0
"""The live view on a real terminal: its frames, and Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import termios

import pytest

from tests.functional.cli.conftest import Shell
from tests.functional.world import MIB, World

CONTROL = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')


class Terminal:
    """A command on a terminal of that many columns; ``close`` ends it."""

    def __init__(self, shell: Shell, columns: int, *words: str) -> None:
        self.text = ''
        self._pid, self._file = pty.fork()
        if self._pid == 0:  # the child
            # A shell lets what it starts in the background ignore it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            environment = {**shell.environment, 'TERM': 'xterm'}
            os.execve(  # noqa: S606
                shell.program[0], [*shell.program, *words], environment
            )
        size = struct.pack('HHHH', 24, columns, 0, 0)
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, size)

    def read(self, until: str = '') -> None:
        """On to that text, or to the end."""
        while not until or until not in CONTROL.sub('', self.text):
            try:
                data = os.read(self._file, 65536)
            except OSError:  # it has ended
                data = b''
            if not data:
                assert not until, self.text
                return
            self.text += data.decode(errors='replace')

    def type(self, keys: bytes) -> None:
        os.write(self._file, keys)

    def close(self) -> int:
        """Its exit code."""
        self.read()
        _, status = os.waitpid(self._pid, 0)
        os.close(self._file)
        return os.waitstatus_to_exitcode(status)

    @property
    def lines(self) -> list[str]:
        """All that was ever drawn, without colours."""
        # A frame begins with a return to the first column.
        return re.split(r'[\r\n]+', CONTROL.sub('', self.text))


@pytest.mark.parametrize('columns', [80, 120])
def test_the_frames_of_an_execution(
    world: World, shell: Shell, columns: int
) -> None:
    machine = world.machine('web1', 12 * MIB)
    world.fill(machine, 0, 0, 12 * MIB)
    transfer = world.transfer(machine)
    world.destination.call('test_delay', call='write', seconds=0.3)
    terminal = Terminal(
        shell, columns, 'transfer', 'execute', transfer, '--wait',
        '-c', 'status',
    )  # fmt: skip
    assert terminal.close() == 0
    text = '\n'.join(terminal.lines)
    assert '▶ replicate disks' in text
    assert re.search(r'disk0  ━*─+ +\S+ \S+ of 12\.0 MiB +\S+ MB/s', text)
    assert re.search(r'\d+ s left', text)
    assert '✔ web1  ' in text
    assert re.search(r'execution 1  COMPLETED  \d+ s', text)
    frames = [
        one
        for one in terminal.lines
        if '│' not in one and not one.startswith('+')
    ]
    assert max(map(len, frames)) <= columns
    assert '| status | COMPLETED |' in text


def test_ctrl_c_ends_the_view_only(world: World, shell: Shell) -> None:
    machine = world.machine('web1', 12 * MIB)
    world.fill(machine, 0, 0, 12 * MIB)
    transfer = world.transfer(machine)
    world.destination.call('test_delay', call='write', seconds=10)
    terminal = Terminal(shell, 80, 'transfer', 'execute', transfer, '--wait')
    terminal.read('replicate disks')
    terminal.type(b'\x03')
    assert terminal.close() == 130
    world.destination.call('test_calm')
    [run] = world.client.executions.of(transfer).list()
    text = '\n'.join(terminal.lines)
    assert 'It goes on without you.' in text
    for verb in ('watch', 'cancel'):
        told = f'coriolis transfer execution {verb} {transfer} {run.id}'
        assert told in text
    # The cursor is there again.
    assert terminal.text.rindex('\x1b[?25h') > terminal.text.rindex(
        '\x1b[?25l'
    )
    assert 'Traceback' not in text
    assert world.ended(transfer, run.id)['status'] == 'COMPLETED'


def test_access_is_asked_for_and_the_password_is_not_shown(
    world: World, shell: Shell
) -> None:
    info = world.source.connection_info
    terminal = Terminal(
        shell, 80, 'endpoint', 'create', '--name', 'asked', '--provider',
        'memory', '-f', 'value', '-c', 'name',
    )  # fmt: skip
    for name in ('host', 'port', 'password'):
        terminal.read(name)
        if name == 'port':
            terminal.type(b'not a number\n')
            terminal.read('A number is wanted.')
        terminal.type(f'{info[name]}\n'.encode())
    assert terminal.close() == 0
    assert terminal.lines[-2:] == ['asked', '']
    assert info['password'] not in terminal.text
    [made] = [e for e in world.client.endpoints.list() if e.name == 'asked']
    assert world.client.endpoints.validate(made.id).valid
