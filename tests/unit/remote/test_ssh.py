# SPDX-License-Identifier: Apache-2.0
"""Commands and files over a real sshd."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import pytest

from coriolis_ng import errors
from coriolis_ng.remote import keys, ssh, talk
from tests.unit.remote.sshd import Sshd, free_port, running_sshd


def test_arguments_arrive_as_they_were_given(connected: ssh.Ssh) -> None:
    odd = ['a b', "c'd", '$HOME', 'ä;*', '']
    ran = connected.run(['printf', '%s|', *odd])
    assert ran.stdout == "a b|c'd|$HOME|ä;*||"


def test_a_string_is_a_shell_line(connected: ssh.Ssh) -> None:
    assert connected.run('echo one; echo two >&2') == ssh.Ran(
        status=0, stdout='one\n', stderr='two\n'
    )


def test_a_failed_command_tells_its_end(connected: ssh.Ssh) -> None:
    with pytest.raises(ssh.CommandFailed) as caught:
        connected.run('echo why >&2; exit 3')
    assert caught.value.ran.status == 3
    assert caught.value.detail == 'why'
    assert connected.run('exit 3', check=False).status == 3


def test_much_input_and_output_at_once(connected: ssh.Ssh) -> None:
    data = bytes(range(256)) * 20_000
    ran = connected.run(
        'tee /dev/stderr | wc -c; head -c 3000000 /dev/zero | tr "\\0" x',
        input=data,
    )
    count, _, rest = ran.stdout.partition('\n')
    assert int(count) == len(data)
    assert rest == 'x' * 3_000_000


def test_input_that_nobody_reads_does_no_harm(connected: ssh.Ssh) -> None:
    assert connected.run('true', input=b'x' * 9_000_000).status == 0


def test_lines_come_one_by_one(connected: ssh.Ssh) -> None:
    lines: list[str] = []
    connected.run(
        'printf "a\\nb"; sleep 0.1; printf "c\\nd"', on_line=lines.append
    )
    assert lines == ['a', 'bc', 'd']


def test_a_command_that_takes_too_long(connected: ssh.Ssh) -> None:
    with pytest.raises(talk.TimedOut):
        connected.run(['sleep', '60'], timeout=0.3)
    assert connected.run(['echo', 'still here']).stdout == 'still here\n'


def test_a_command_that_is_stopped(connected: ssh.Ssh) -> None:
    asked = iter([False, True])
    with pytest.raises(errors.Canceled):
        connected.run(['sleep', '60'], stop=lambda: next(asked))


def test_files(connected: ssh.Ssh, tmp_path: Path) -> None:
    target = tmp_path / 'with space'
    connected.put(b'\x00\xff', str(target), mode=0o640)
    assert target.read_bytes() == b'\x00\xff'
    assert target.stat().st_mode & 0o777 == 0o640
    assert connected.get(str(target)) == b'\x00\xff'
    assert [path.name for path in tmp_path.iterdir()] == ['with space']
    with pytest.raises(errors.NotFound):
        connected.get(str(tmp_path / 'absent'))


def test_another_host_key_is_refused(sshd: Sshd) -> None:
    _, other = keys.make_keypair()
    with pytest.raises(ssh.HostKeyMismatch):
        sshd.connect(host_key=other)


def test_another_kind_of_host_key_is_refused(sshd: Sshd) -> None:
    with pytest.raises(ssh.HostKeyMismatch):
        sshd.connect(host_key='ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB')


def test_another_user_key_is_refused(sshd: Sshd) -> None:
    private, _ = keys.make_keypair()
    with pytest.raises(errors.AuthFailed):
        ssh.Ssh.connect('127.0.0.1', sshd.port, 'root', private, sshd.host_key)


def test_waiting_has_one_deadline(sshd: Sshd) -> None:
    with pytest.raises(errors.Unreachable, match='attempts'):
        ssh.wait_for_ssh(
            '127.0.0.1',
            free_port(),
            'root',
            sshd.user_key,
            sshd.host_key,
            timeout_seconds=0.3,
            pause_seconds=0.05,
        )


def test_a_server_that_accepts_and_says_nothing(sshd: Sshd) -> None:
    with (
        socket.create_server(('127.0.0.1', 0)) as silent,
        pytest.raises(errors.Unreachable),
    ):
        ssh.Ssh.connect(
            '127.0.0.1',
            silent.getsockname()[1],
            'root',
            sshd.user_key,
            sshd.host_key,
            timeout=0.3,
        )


def test_waiting_can_be_stopped(sshd: Sshd) -> None:
    with pytest.raises(errors.Canceled):
        ssh.wait_for_ssh(
            '127.0.0.1',
            free_port(),
            'root',
            sshd.user_key,
            sshd.host_key,
            stop=lambda: True,
        )


def test_a_lost_connection_is_unreachable(sshd: Sshd) -> None:
    with sshd.connect() as connection, pytest.raises(errors.Unreachable):
        connection.run('kill -9 $PPID; sleep 5')


def test_a_server_with_one_key_exchange(tmp_path: Path) -> None:
    only = 'KexAlgorithms curve25519-sha256\n'
    with running_sshd(tmp_path, only) as server, server.connect() as made:
        assert made.run(['echo', 'hello']).stdout == 'hello\n'


def test_nothing_in_common_is_no_wrong_host_key(tmp_path: Path) -> None:
    only = 'KexAlgorithms sntrup761x25519-sha512@openssh.com\n'
    with running_sshd(tmp_path, only) as server:
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection((server.host, server.port)).close()
                break
            time.sleep(0.05)
        with pytest.raises(errors.Unsupported, match='in common'):
            server.connect()


def test_a_line_that_is_no_key() -> None:
    with pytest.raises(errors.InvalidInput):
        keys.split_public('root@host')
