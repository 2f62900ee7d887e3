# SPDX-License-Identifier: Apache-2.0
"""A worker machine whose answer was cut short is not asked again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from coriolis_ng import errors
from coriolis_ng.morphing.root import SshWorker, run_on
from coriolis_ng.remote import ssh


def test_a_stopped_question_breaks_the_worker(worker_ssh: ssh.Ssh) -> None:
    asked: Iterator[bool] = itertools.repeat(False)
    with SshWorker.started(worker_ssh, lambda: next(asked)) as worker:
        assert run_on(worker, ['echo', 'one']).stdout == 'one\n'
        asked = itertools.chain([True], itertools.repeat(False))
        with pytest.raises(errors.Canceled) as first:
            run_on(worker, ['sleep', '60'])
        # What is undone on the way out says why, and takes no old answer.
        with pytest.raises(errors.Canceled) as second:
            run_on(worker, ['echo', 'two'])
    assert second.value is first.value


def test_a_worker_that_is_gone(worker_ssh: ssh.Ssh) -> None:
    with SshWorker.started(worker_ssh) as worker:
        for _ in range(2):
            with pytest.raises(errors.Unreachable, match='was lost'):
                run_on(worker, ['sh', '-c', 'kill -9 $PPID'])


def test_an_error_of_a_file_breaks_nothing(worker_ssh: ssh.Ssh) -> None:
    with SshWorker.started(worker_ssh) as worker:
        with pytest.raises(FileNotFoundError):
            worker.call('read', '/', 'not/there')
        assert run_on(worker, ['echo', 'on']).stdout == 'on\n'
