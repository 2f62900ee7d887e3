# SPDX-License-Identifier: Apache-2.0
"""What the chaos test looks for is found where it is, so it can fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

from tests.integration.chaos import families, verdict


def write(machine: str, attempt: int, offset: int) -> dict[str, Any]:
    return {
        'op': 'write',
        'kind': 'volume',
        'id': 'v',
        'machine': machine,
        'attempt': attempt,
        'offset': offset,
        'length': 10,
    }


GONE = {'op': 'delete', 'kind': 'machine', 'id': 'one'}
MADE = {'op': 'create', 'kind': 'volume', 'id': 'v'}


def test_a_second_creation_is_found() -> None:
    log = [MADE, {**MADE, 'id': 'w'}, {**MADE, 'op': 'delete'}]
    assert verdict.made_twice(log) == []
    assert verdict.made_twice([*log, MADE]) == ['volume v was created 2 times']


def test_a_next_attempt_may_write_again_what_was_not_durable() -> None:
    log = [write('one', 1, 0), write('one', 1, 10), write('one', 2, 10)]
    log += [GONE, write('two', 1, 0)]
    assert verdict.written_wrongly(log) == []
    assert verdict.rewritten(log) == (40, 10)


def test_an_old_attempt_that_writes_is_found() -> None:
    log = [write('one', 1, 0), write('one', 2, 10), write('one', 1, 20)]
    [found] = verdict.written_wrongly(log)
    assert found.startswith('written by an old attempt')


def test_a_write_through_a_machine_that_is_gone_is_found() -> None:
    log = [write('one', 1, 0), GONE, write('one', 1, 20)]
    [found] = verdict.written_wrongly(log)
    assert found.startswith('written through a machine that is gone')


def test_an_attempt_that_writes_twice_is_found() -> None:
    log = [write('one', 1, 0), write('one', 1, 5), write('one', 1, 20)]
    [found] = verdict.written_wrongly(log)
    assert found.startswith('v (0, 10), (5, 15) by attempt 1')


def test_processes_are_found_by_their_parent_and_their_mark() -> None:
    sleep = 'import subprocess, sys; subprocess.run(["sleep", "600"])'
    mark = {'CORIOLIS_CHAOS_TEST': str(os.getpid())}
    with subprocess.Popen(
        [sys.executable, '-c', sleep], env={**os.environ, **mark}
    ) as parent:
        while not (below := families.children(parent.pid)):
            time.sleep(0.05)
        [child] = below
        found = families.marked(f'CORIOLIS_CHAOS_TEST={os.getpid()}')
        assert {one.pid for one in found} == {parent.pid, child.pid}
        parent.kill()
        parent.wait()
        assert child.alive
        child.tell(signal.SIGKILL)
        while child.alive:
            time.sleep(0.05)
    assert families.marked(f'CORIOLIS_CHAOS_TEST={os.getpid()}') == []
