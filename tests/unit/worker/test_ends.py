# SPDX-License-Identifier: Apache-2.0
"""What is left when a worker, or its way to the conductor, is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coriolis_ng.worker.nursery import Nursery
from coriolis_ng.worker.service import WorkerService
from tests.unit.worker import samples
from tests.unit.worker.processes import gone, wait_until
from tests.unit.worker.scripted import ScriptedConductor

ROOT = Path(__file__).parents[3]

Lonely = Callable[..., 'subprocess.Popen[str]']


@pytest.fixture
def lonely() -> Iterator[Lonely]:
    """A worker in a process of its own."""
    made: list[subprocess.Popen[str]] = []

    def make(*args: str) -> subprocess.Popen[str]:
        made.append(
            subprocess.Popen(
                [sys.executable, '-m', 'tests.unit.worker.lonely', *args],
                cwd=ROOT,
                env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return made[-1]

    yield make
    for process in made:
        process.kill()
        process.communicate()


def pids_of(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout
    return [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize('how', ['obedient', 'stubborn'])
def test_nothing_runs_after_the_worker_was_killed(
    lonely: Lonely, how: str
) -> None:
    process = lonely(how)
    pids = pids_of(process)
    assert len(pids) == 2
    assert not any(map(gone, pids))
    process.kill()
    assert wait_until(lambda: all(map(gone, pids)))


def test_programs_of_a_child_that_hangs_end_with_the_worker(
    lonely: Lonely,
) -> None:
    """The child does not come to ending them by itself."""
    process = lonely()
    child, program = pids_of(process)
    os.kill(child, signal.SIGSTOP)
    process.kill()
    assert wait_until(lambda: gone(child) and gone(program), 10)


def test_a_worker_that_is_told_to_end_hands_its_tasks_back(
    lonely: Lonely,
) -> None:
    process = lonely()
    pids = pids_of(process)
    process.terminate()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    # Failed but retryable; and the beats meanwhile offered no capacity.
    assert output.split() == ['failed', 'worker_stopped', 'True', '0', '8']
    assert wait_until(lambda: all(map(gone, pids)))


def test_children_are_stopped_when_the_lease_is_lost(
    make_worker: Callable[..., WorkerService], conductor: ScriptedConductor
) -> None:
    conductor.lease_seconds = 2
    worker = make_worker(margin_seconds=1)
    task = conductor.give(samples.Wait, stubborn=True)
    (pid,) = conductor.pids(task)
    conductor.away.set()
    assert wait_until(lambda: gone(pid))
    assert task not in conductor.results
    # When it can be told, it is: the row may still wait for it.
    conductor.away.clear()
    result = conductor.result(task)
    assert (result.state, result.code) == ('failed', 'lease_lost')
    assert result.retryable
    assert wait_until(lambda: not worker.running)


def test_a_short_outage_stops_nothing(
    worker: WorkerService, conductor: ScriptedConductor
) -> None:
    task = conductor.give(samples.Wait)
    (pid,) = conductor.pids(task)
    conductor.away.set()
    beats = len(conductor.beats)
    assert not wait_until(lambda: gone(pid), seconds=1)
    conductor.away.clear()
    conductor.wait(lambda: len(conductor.beats) > beats + 1)
    assert not gone(pid)
    conductor.order_stop(task)
    assert conductor.result(task).state == 'canceled'


def test_nothing_is_taken_before_the_first_answer(
    make_worker: Callable[..., WorkerService], conductor: ScriptedConductor
) -> None:
    conductor.away.set()
    worker = make_worker()
    task = conductor.give(samples.Add, a=1, b=1)
    worker.endpoint.start({}, task, 1)
    assert worker.running == ()
    conductor.away.clear()
    assert conductor.result(task).state == 'done'


def test_a_start_and_a_hold_run_a_task_once(
    worker: WorkerService, conductor: ScriptedConductor
) -> None:
    conductor.wait(lambda: conductor.beats)
    task = conductor.give(samples.Wait)
    worker.endpoint.start({}, task, 1)
    worker.endpoint.start({}, task, 1)
    conductor.pids(task)
    assert [c for c in conductor.log if c[0] == 'take'] == [('take', task, 1)]


def test_a_newer_attempt_ends_the_older_one(
    worker: WorkerService, conductor: ScriptedConductor
) -> None:
    task = conductor.give(samples.Wait, stubborn=True)
    (pid,) = conductor.pids(task)
    worker.start_task(task, 2)
    assert wait_until(lambda: gone(pid))
    assert task not in conductor.results


def test_providers_are_told_until_they_are_known(
    make_worker: Callable[..., WorkerService], conductor: ScriptedConductor
) -> None:
    conductor.known = False
    make_worker(release='1.2.3')
    conductor.wait(lambda: len(conductor.beats) > 2)
    conductor.known = True
    conductor.wait(lambda: conductor.beats[-1].providers is None)
    first, second = conductor.beats[:2]
    assert first.providers == second.providers
    assert first.providers is not None
    (told,) = first.providers
    assert (told.name, told.capabilities) == ('small', ('inventory',))
    assert set(told.schemas) == {'connection', 'source', 'destination'}
    assert (first.host, first.incarnation) == ('here', 'i1')
    assert (first.release, first.capacity) == ('1.2.3', 4)


def test_the_nursery_comes_back_when_it_was_killed(
    conductor: ScriptedConductor,
    make_worker: Callable[..., WorkerService],
    nursery: Nursery,
) -> None:
    make_worker()
    task = conductor.give(samples.Wait, stubborn=True)
    (pid,) = conductor.pids(task)
    assert nursery.pid is not None
    os.kill(nursery.pid, signal.SIGKILL)
    result = conductor.result(task)
    assert (result.code, result.retryable) == ('child_died', True)
    assert gone(pid)
    other = conductor.give(samples.Add, a=1, b=1)
    assert conductor.result(other).state == 'done'


def test_who_does_not_listen_is_killed_after_the_grace(
    conductor: ScriptedConductor,
    make_worker: Callable[..., WorkerService],
) -> None:
    make_worker(stop_grace_seconds=0.5)
    task = conductor.give(samples.Wait, stubborn=True)
    (pid,) = conductor.pids(task)
    conductor.order_stop(task)
    assert conductor.result(task).state == 'canceled'
    assert wait_until(lambda: gone(pid))


def test_a_supervisor_that_tells_all_to_end_does_not_kill_children(
    worker: WorkerService, conductor: ScriptedConductor, nursery: Nursery
) -> None:
    task = conductor.give(samples.Wait)
    (pid,) = conductor.pids(task)
    assert nursery.pid is not None
    os.kill(nursery.pid, signal.SIGTERM)
    other = conductor.give(samples.Add, a=1, b=1)
    assert conductor.result(other).state == 'done'
    assert not gone(nursery.pid)
    assert not gone(pid)
