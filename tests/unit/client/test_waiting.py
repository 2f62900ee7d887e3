# SPDX-License-Identifier: Apache-2.0
"""Waiting for the end, also over a restart of the service."""

from __future__ import annotations

import itertools

import pytest

from coriolis_ng.client import (
    ApiError,
    Client,
    Failed,
    NotFound,
    TimedOut,
    Unavailable,
)
from coriolis_ng.client.executions import Execution
from coriolis_ng.client.runs import wait
from tests.unit.client.conftest import Scripted, run, task

PATH = '/transfers/t1/executions/e1'
GONE = (503, {'error': {'message': 'Later.'}})


def answered(*several: dict) -> list[dict]:
    return [{'execution': one} for one in several]


def test_every_look_is_told_until_the_end(
    client: Client, service: Scripted
) -> None:
    looks = answered(run(), run('RUNNING', task()), run('COMPLETED', task()))
    service.says('GET', PATH, *looks)
    seen: list[Execution] = []
    found = client.executions.of('t1').wait(
        'e1', progress=seen.append, poll=0.01
    )
    assert [one.state for one in seen] == ['RUNNING', 'RUNNING', 'COMPLETED']
    assert found == seen[-1]


def test_a_service_that_comes_back(client: Client, service: Scripted) -> None:
    first, last = answered(run(), run('COMPLETED'))
    service.says('GET', PATH, first, GONE, GONE, last)
    troubles: list[ApiError] = []
    found = client.executions.of('t1').wait(
        'e1', trouble=troubles.append, poll=0.01
    )
    assert found.state == 'COMPLETED'
    assert [str(one) for one in troubles] == ['Later. (HTTP 503)'] * 2


def test_patience_ends(client: Client, service: Scripted) -> None:
    service.says('GET', PATH, *answered(run()), GONE)
    with pytest.raises(Unavailable):
        client.executions.of('t1').wait('e1', poll=0.01, patience=0.05)
    assert len(service.asked) > 2


def test_what_never_answered_is_not_waited_for(
    client: Client, service: Scripted
) -> None:
    service.says('GET', PATH, GONE)
    with pytest.raises(Unavailable):
        client.executions.of('t1').wait('e1', poll=0.01)
    assert len(service.asked) == 1


def test_what_is_deleted_meanwhile(client: Client, service: Scripted) -> None:
    gone = (404, {'error': {'message': 'There is none.'}})
    service.says('GET', PATH, *answered(run()), gone)
    with pytest.raises(NotFound):
        client.executions.of('t1').wait('e1', poll=0.01)


def test_a_failure_says_why_and_has_the_run(
    client: Client, service: Scripted
) -> None:
    failed = run(
        'ERROR',
        task('MAKE', status='ERROR', exception_details='The pool is full.'),
        task('CLEAN', exception_details='not this', on_error=True),
    )
    service.says('GET', PATH, *answered(failed))
    with pytest.raises(Failed) as caught:
        client.executions.of('t1').wait('e1')
    assert str(caught.value) == 'It failed.\n  web1: The pool is full.'
    assert caught.value.run == failed


def test_a_deployment_has_its_status_elsewhere(
    client: Client, service: Scripted
) -> None:
    plain = {'id': 'd1', 'last_execution_status': 'CANCELED', 'tasks': []}
    service.says('GET', '/deployments/d1', {'deployment': plain})
    with pytest.raises(Failed, match='It was canceled.'):
        client.deployments.wait('d1')


def test_a_wait_may_end_before() -> None:
    looks = (Execution(run()) for _ in itertools.count())
    with pytest.raises(TimedOut, match='it goes on'):
        wait(lambda: next(looks), timeout=0.03, poll=0.01)
