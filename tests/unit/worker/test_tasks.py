# SPDX-License-Identifier: Apache-2.0
"""How tasks end: with a result, an error, a stop, or without a word."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from coriolis_ng import context, errors
from coriolis_ng.rpc.wire import Stop
from coriolis_ng.worker.service import WorkerService
from tests.unit.worker import samples
from tests.unit.worker.processes import gone, wait_until
from tests.unit.worker.scripted import ScriptedConductor

pytestmark = pytest.mark.usefixtures('worker')


def test_a_result_comes_back(conductor: ScriptedConductor) -> None:
    task = conductor.give(samples.Add, a=2, b=3)
    result = conductor.result(task)
    assert result.state == 'done'
    assert result.output['total'] == 5
    assert result.output['pid'] != os.getpid()
    assert wait_until(lambda: gone(result.output['pid']))


def test_each_attempt_has_a_process(conductor: ScriptedConductor) -> None:
    tasks = [conductor.give(samples.Add, a=n, b=1) for n in range(4)]
    outputs = [conductor.result(task).output for task in tasks]
    assert [one['total'] for one in outputs] == [1, 2, 3, 4]
    assert len({one['pid'] for one in outputs}) == 4


def test_an_error_keeps_its_words_and_code(
    conductor: ScriptedConductor,
) -> None:
    result = conductor.result(conductor.give(samples.Fail, kind='user'))
    assert result.state == 'failed'
    assert result.message == 'No space left.'
    assert result.detail == 'pool p1'
    assert result.code == 'quota_exceeded'
    assert not result.retryable


def test_a_retryable_error_says_so(conductor: ScriptedConductor) -> None:
    result = conductor.result(conductor.give(samples.Fail, kind='retry'))
    assert (result.code, result.retryable) == ('unreachable', True)


@pytest.mark.parametrize(
    ('kind', 'message'),
    [('bug', 'KeyError'), ('wrong', 'TypeError')],
)
def test_a_bug_is_named_and_its_trace_is_logged(
    conductor: ScriptedConductor,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    message: str,
) -> None:
    about: list[dict[str, Any]] = []
    caplog.handler.addFilter(
        lambda _record: about.append(context.current().about()) or True
    )
    with caplog.at_level(logging.INFO):
        task = conductor.give(samples.Fail, kind=kind)
        result = conductor.result(task)
    assert result.message == f'Internal error: {message}.'
    assert (result.code, result.detail) == ('internal', '')
    assert 'Traceback' in caplog.text
    assert {'execution': 'x1', 'task': task, 'attempt': 1} in about


def test_a_process_that_dies_is_retryable(
    conductor: ScriptedConductor,
) -> None:
    result = conductor.result(conductor.give(samples.Fail, kind='die'))
    assert (result.state, result.code) == ('failed', 'child_died')
    assert result.retryable


def test_wrong_input_names_the_field(conductor: ScriptedConductor) -> None:
    result = conductor.result(conductor.give(samples.Add, a=1, b='two'))
    assert result.code == 'invalid_input'
    assert 'int' in result.message


def test_an_unknown_task_fails(conductor: ScriptedConductor) -> None:
    task = conductor.give(samples.Add, name='NoSuchTask', a=1, b=2)
    assert conductor.result(task).code == 'unsupported'


def test_a_task_of_a_newer_release_fails(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Add, version=2, a=1, b=2)
    assert conductor.result(task).code == 'unsupported'


def test_a_graceful_stop_is_a_cancel(conductor: ScriptedConductor) -> None:
    task = conductor.give(samples.Wait)
    (pid,) = conductor.pids(task)
    conductor.order_stop(task)
    result = conductor.result(task)
    assert (result.state, result.code) == ('canceled', 'canceled')
    assert wait_until(lambda: gone(pid))


def test_a_hint_stops_too(
    conductor: ScriptedConductor, worker: WorkerService
) -> None:
    task = conductor.give(samples.Wait)
    conductor.pids(task)
    order = {'task_id': task, 'attempt': 1}
    worker.endpoint.stop({}, order)
    assert conductor.result(task).state == 'canceled'


def test_a_forced_stop_kills_what_does_not_listen(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Wait, stubborn=True, program=True)
    pids = conductor.pids(task)
    conductor.order_stop(task, forced=True)
    assert conductor.result(task).state == 'canceled'
    assert wait_until(lambda: all(map(gone, pids)))


def test_a_stop_of_another_attempt_changes_nothing(
    conductor: ScriptedConductor, worker: WorkerService
) -> None:
    task = conductor.give(samples.Wait)
    (pid,) = conductor.pids(task)
    worker.stop_task(Stop(task_id=task, attempt=7, forced=True))
    assert not gone(pid)
    assert task not in conductor.results


def test_a_stale_task_is_killed_and_not_reported(
    conductor: ScriptedConductor, worker: WorkerService
) -> None:
    task = conductor.give(samples.Wait, stubborn=True)
    (pid,) = conductor.pids(task)
    conductor.order_stop(task, stale=True)
    assert wait_until(lambda: gone(pid) and not worker.running)
    assert task not in conductor.results


def test_a_stale_take_runs_nothing(
    conductor: ScriptedConductor, worker: WorkerService
) -> None:
    task = conductor.give(samples.Add, a=1, b=2)
    conductor.stale.add(task)
    conductor.wait(
        lambda: [c for c in conductor.log if c[:2] == ('take', task)]
    )
    assert wait_until(lambda: not worker.running)
    assert not [c for c in conductor.log if c[0] == 'finish']


def test_silence_ends_a_task(conductor: ScriptedConductor) -> None:
    task = conductor.give(samples.Wait, silent=True, silent_seconds=1)
    (pid,) = conductor.pids(task)
    result = conductor.result(task)
    assert (result.state, result.code) == ('failed', 'silent')
    assert (
        result.message == 'The task said nothing for 1 seconds and was '
        'stopped.'
    )
    assert wait_until(lambda: gone(pid))


def test_created_is_told_before_the_thing_is_made(
    conductor: ScriptedConductor, tmp_path: Path
) -> None:
    seen: list[list[str]] = []

    class Watching(type(conductor)):  # type: ignore[misc]
        def created(self, *args: object) -> None:
            seen.append(os.listdir(tmp_path))
            super().created(*args)

    conductor.__class__ = Watching
    conductor.losses['created'] = 2
    task = conductor.give(samples.Make, path=str(tmp_path))
    assert conductor.result(task).state == 'done'
    assert seen == [[], [], []]
    (name,) = os.listdir(tmp_path)
    told = [detail for call, _, detail in conductor.log if call == 'created']
    assert {(r.id, r.kind, r.parent, r.attempt) for r in told} == {
        (f'{tmp_path}/{name}', 'volume', 'pool', 1)
    }


def test_a_stale_created_makes_nothing(
    conductor: ScriptedConductor, tmp_path: Path, worker: WorkerService
) -> None:
    real = conductor.created

    class Losing(type(conductor)):  # type: ignore[misc]
        def created(self, *args: object) -> None:
            real(*args)
            raise errors.Stale('Given to another.')

    conductor.__class__ = Losing
    task = conductor.give(samples.Make, path=str(tmp_path))
    conductor.result(task)
    assert os.listdir(tmp_path) == []


def test_calls_of_many_threads_are_answered(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Crowd)
    assert conductor.result(task).output == {'made': 8}
    told = {d.id for call, _, d in conductor.log if call == 'created'}
    assert told == {str(number) for number in range(8)}


def test_what_was_said_arrives_before_the_end(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Copy)
    assert conductor.result(task).output == {'began_at': 0}
    assert [note.text for note in conductor.notes[task]] == ['copying']
    (progress,) = conductor.progress[task]
    assert (progress.item, progress.done, progress.total) == (
        'vda',
        100,
        100,
    )
    assert conductor.checkpoints[task] == {'done': 100}


def test_an_attempt_goes_on_at_the_checkpoint(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Copy, checkpoint={'done': 60})
    assert conductor.result(task).output == {'began_at': 60}


def test_a_checkpoint_that_cannot_be_read_is_left(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Copy, checkpoint={'done': 'half'})
    assert conductor.result(task).output == {'began_at': 0}


def test_a_lost_answer_to_finish_is_repeated(
    conductor: ScriptedConductor, worker: WorkerService
) -> None:
    conductor.losses['finish'] = 2
    task = conductor.give(samples.Add, a=1, b=1)
    assert conductor.result(task).state == 'done'
    assert wait_until(lambda: not worker.running)
    ends = [c for c in conductor.log if c[0] == 'finish']
    assert len(ends) == 3
    assert len({detail.output['pid'] for _, _, detail in ends}) == 1


def test_a_result_that_cannot_be_stored_is_a_failure(
    conductor: ScriptedConductor,
) -> None:
    real = conductor.finish

    class Strict(type(conductor)):  # type: ignore[misc]
        def finish(self, task_id: str, attempt: int, result: object) -> None:
            if result.state == 'done':  # type: ignore[attr-defined]
                raise errors.InvalidInput('The output is wrong.')
            real(task_id, attempt, result)

    conductor.__class__ = Strict
    result = conductor.result(conductor.give(samples.Add, a=1, b=1))
    assert (result.state, result.code) == ('failed', 'invalid_input')
