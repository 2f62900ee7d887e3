# SPDX-License-Identifier: Apache-2.0
"""Programs that are pushed to another machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng import errors
from coriolis_ng.remote import push, ssh

GOOD = b"""
import json, os, sys, time
given = json.load(open(sys.argv[1]))
print(json.dumps({
    'pid': os.getpid(), 'given': given,
    'modes': [oct(os.stat(n).st_mode & 0o777) for n in ('program', 'key')],
    'argv': sys.argv[1:],
}), flush=True)
time.sleep(600)
"""


@pytest.fixture
def name(connected: ssh.Ssh) -> Iterator[str]:
    yield 'test-push'
    push.stop_program(connected, 'test-push')


def alive(pid: int) -> bool:
    try:
        state = Path(f'/proc/{pid}/stat').read_text().split()[2]
    except FileNotFoundError:
        return False
    return state != 'Z'


def test_a_program_starts_says_ready_and_stops(
    connected: ssh.Ssh, name: str
) -> None:
    made = push.start_program(
        connected, name, GOOD, {'secret': 's3'}, files={'key': b'k'}
    )
    assert made.ready['given'] == {'secret': 's3'}
    assert made.ready['modes'] == ['0o600', '0o600']
    assert made.ready['argv'] == ['/run/coriolis-test-push/config']
    assert Path('/run/coriolis-test-push').stat().st_mode & 0o777 == 0o700
    assert alive(made.ready['pid'])
    push.stop_program(connected, name)
    assert not alive(made.ready['pid'])
    assert not Path('/run/coriolis-test-push').exists()
    push.stop_program(connected, name)


def test_a_second_start_replaces_the_first(
    connected: ssh.Ssh, name: str
) -> None:
    first = push.start_program(connected, name, GOOD, {}, files={'key': b''})
    second = push.start_program(connected, name, GOOD, {}, files={'key': b''})
    assert not alive(first.ready['pid'])
    assert alive(second.ready['pid'])


def test_a_program_that_dies_tells_why(connected: ssh.Ssh, name: str) -> None:
    with pytest.raises(errors.CoriolisError, match='before it was') as caught:
        push.start_program(connected, name, b'raise SystemExit("no disk")')
    assert 'no disk' in caught.value.detail


def test_a_program_that_is_never_ready(connected: ssh.Ssh, name: str) -> None:
    with pytest.raises(errors.CoriolisError, match='did not say in time'):
        push.start_program(
            connected,
            name,
            b'import time; time.sleep(600)',
            timeout_seconds=1,
        )


def test_a_name_cannot_leave_its_folder(connected: ssh.Ssh) -> None:
    with pytest.raises(errors.InvalidInput):
        push.start_program(connected, '../etc', b'')
