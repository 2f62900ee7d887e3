# SPDX-License-Identifier: Apache-2.0
"""Where secrets may be seen: in the child's memory and nowhere else."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from coriolis_ng.secrets import seal
from coriolis_ng.worker.masking import Mask
from coriolis_ng.worker.service import WorkerService
from tests.unit.worker import samples
from tests.unit.worker.scripted import ScriptedConductor

PASSWORD = 'corr3ct-horse'
CLOUD = b'{"user": "ann", "password": "corr3ct-horse"}'
KEY = 'a private key that is very long'


@pytest.mark.usefixtures('worker')
def test_a_task_uses_secrets_that_nobody_else_sees(
    conductor: ScriptedConductor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        task = conductor.give(samples.Tell, secret=CLOUD)
        result = conductor.result(task)
    assert result.state == 'done', result
    assert result.output['user'] == 'ann'
    assert 'nursery' in result.output['looked']
    assert PASSWORD not in result.output['looked']
    assert 'the password is ***' in caplog.text
    assert PASSWORD not in caplog.text
    assert KEY not in caplog.text
    (note,) = conductor.notes[task]
    assert note.text.startswith('my password is ***')
    sealed = [d for call, _, d in conductor.log if call == 'secret_put']
    assert len(sealed) == 1
    assert KEY not in sealed[0]
    # Asked for once, although used three times; dropped when forgotten.
    asked = [d for call, _, d in conductor.log if call == 'secret_get']
    assert asked == ['cloud']
    assert set(conductor.secrets) == {'cloud'}


@pytest.mark.usefixtures('worker')
def test_an_error_does_not_tell_a_secret(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Leak, secret=CLOUD)
    assert conductor.result(task).message == '*** is wrong.'


@pytest.mark.usefixtures('worker')
def test_a_secret_that_is_not_there_is_an_error(
    conductor: ScriptedConductor,
) -> None:
    task = conductor.give(samples.Leak, secret=CLOUD)
    del conductor.secrets['cloud']
    assert conductor.result(task).code == 'not_found'


def test_a_child_inherits_no_connection(
    worker: WorkerService, conductor: ScriptedConductor
) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        task = conductor.give(samples.Descriptors)
        found = conductor.result(task).output['open']
        mine = os.readlink(f'/proc/self/fd/{write}')
    finally:
        os.close(read)
        os.close(write)
    assert mine not in found
    # Standard input, both outputs on one pipe, and the way to the worker.
    kinds = sorted(name.partition(':')[0] for name in found)
    assert kinds == ['/dev/null', 'pipe', 'pipe', 'socket']


def test_no_process_shows_a_secret(
    worker: WorkerService, conductor: ScriptedConductor
) -> None:
    task = conductor.give(samples.Wait, secret=CLOUD)
    (pid,) = conductor.pids(task)
    for name in ('cmdline', 'environ'):
        shown = Path(f'/proc/{pid}/{name}').read_bytes()
        assert PASSWORD.encode() not in shown
        assert task.encode() not in shown


def test_the_mask_hides_fields_that_are_named_like_secrets() -> None:
    mask = Mask()
    mask.learn(b'{"host": "cloud.example", "auth": {"x": "s3cr3t"}}')
    assert mask.hide('s3cr3t at cloud.example') == '*** at cloud.example'


def test_the_mask_hides_the_lines_of_a_key() -> None:
    mask = Mask()
    mask.learn(b'-----BEGIN-----\nabcdefghijklmnopqrstuvwxyz\n')
    assert 'abcdefghij' not in mask.hide(
        "b'-----BEGIN-----\\nabcdefghijklmnopqrstuvwxyz\\n'"
    )


def test_the_mask_hides_the_longer_of_two() -> None:
    mask = Mask()
    mask.learn(b'pass')
    mask.learn(b'password1')
    assert mask.hide('it is password1') == 'it is ***'


def test_the_mask_knows_passwords_that_nobody_told_it() -> None:
    assert 'xyz' not in Mask().hide('{"admin_pass": "xyz"}')


@pytest.mark.usefixtures('worker')
def test_a_secret_that_cannot_be_opened_is_an_error(
    conductor: ScriptedConductor,
) -> None:
    class Mistaken(type(conductor)):  # type: ignore[misc]
        def secret_get(self, ref: str, task_id: str, attempt: int) -> str:
            return seal.seal(seal.Key.generate().public, b'{}')

    conductor.__class__ = Mistaken
    task = conductor.give(samples.Leak, secret=CLOUD)
    assert conductor.result(task).code == 'corrupt_data'


@pytest.mark.usefixtures('worker')
def test_a_connection_that_does_not_close_spoils_nothing(
    conductor: ScriptedConductor,
) -> None:
    secret = b'{"user": "clumsy", "password": "corr3ct-horse"}'
    task = conductor.give(samples.Tell, secret=secret)
    assert conductor.result(task).state == 'done'
