# SPDX-License-Identifier: Apache-2.0
"""Local flows: order, results, undoing, retries and the error that comes
out."""

from __future__ import annotations

import itertools
import logging
import threading
from typing import Any

import pytest
from taskflow import retry
from taskflow.patterns import linear_flow, unordered_flow

from coriolis_ng import errors
from coriolis_ng.providers import flows


class Log(flows.Step):
    """Writes down when it is run and undone."""

    def __init__(self, log: list[str], name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._log = log

    def execute(self) -> str:
        self._log.append(f'+{self.name}')
        return self.name.upper()

    def revert(self, *_args: Any, **_options: Any) -> None:
        self._log.append(f'-{self.name}')


class Fail(flows.Step):
    """Raises the errors that it was given, one at each call."""

    def __init__(self, found: list[Exception | None]) -> None:
        super().__init__()
        self._errors = iter(found)

    def execute(self) -> None:
        error = next(self._errors)
        if error:
            raise error


def test_results_are_returned_by_name() -> None:
    log: list[str] = []
    flow = flows.in_order(
        'f', Log(log, 'a', provides='one'), Log(log, 'b', provides='two')
    )
    assert flows.run(flow) == {'one': 'A', 'two': 'B'}
    assert log == ['+a', '+b']


def test_a_result_is_the_argument_of_a_later_step() -> None:
    class Add(flows.Step):
        def execute(self, first: int, second: int) -> int:
            return first + second

    flow = linear_flow.Flow('f').add(
        Add('x', provides='sum'),
        Add('y', rebind={'first': 'sum'}, provides='total'),
    )
    found = flows.run(flow, {'first': 1, 'second': 2})
    assert found['total'] == 5


def test_what_was_done_is_undone_in_reverse() -> None:
    log: list[str] = []
    flow = linear_flow.Flow('f').add(
        Log(log, 'a'), Log(log, 'b'), Fail([errors.QuotaExceeded('Full.')])
    )
    with pytest.raises(errors.QuotaExceeded) as caught:
        flows.run(flow)
    assert caught.value.message == 'Full.'
    assert log == ['+a', '+b', '-b', '-a']


def test_the_last_failure_comes_out_after_retries() -> None:
    flow = linear_flow.Flow('f', retry=retry.Times(3)).add(
        Fail(
            [
                errors.Unreachable('First.'),
                errors.Unreachable('Second.'),
                errors.AuthFailed('Third.'),
            ]
        )
    )
    with pytest.raises(errors.AuthFailed) as caught:
        flows.run(flow)
    assert caught.value.message == 'Third.'


def test_a_retry_that_works_hides_the_failure() -> None:
    flow = linear_flow.Flow('f', retry=retry.Times(2)).add(
        Fail([errors.Unreachable('First.'), None])
    )
    flows.run(flow)


def test_ours_wins_over_a_foreign_error_beside_it() -> None:
    both = threading.Barrier(2, timeout=10)

    class Ours(flows.Step):
        def execute(self) -> None:
            both.wait()
            raise errors.Conflict('In use.')

    class Foreign(flows.Step):
        def execute(self) -> None:
            both.wait()
            raise KeyError('x')

    flow = unordered_flow.Flow('f').add(Ours(), Foreign())
    with pytest.raises(errors.Conflict) as caught:
        flows.run(flow, threads=2)
    assert caught.value.message == 'In use.'


def test_a_foreign_error_comes_out_as_it_is() -> None:
    flow = linear_flow.Flow('f').add(Fail([KeyError('x')]))
    with pytest.raises(KeyError):
        flows.run(flow)


def test_the_log_names_steps_and_no_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    numbers = itertools.count()

    class Secret(flows.Step):
        def execute(self, password: str) -> str:
            next(numbers)
            return password

    flow = linear_flow.Flow('f').add(Secret(provides='kept'))
    with caplog.at_level(logging.DEBUG, 'coriolis_ng'):
        flows.run(flow, {'password': 'hunter-two'})
    assert 'step=Secret success' in caplog.text
    assert 'hunter-two' not in caplog.text
