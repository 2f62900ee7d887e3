# SPDX-License-Identifier: Apache-2.0
"""Two releases side by side: what only a newer conductor knows is left to
it, and nothing of it is lost by an older one."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng import errors
from coriolis_ng.conductor import assign, executions, finish
from coriolis_ng.conductor.advance import advance
from coriolis_ng.db import models
from coriolis_ng.objects.execution import Execution
from coriolis_ng.objects.task import TaskState
from coriolis_ng.rpc.wire import Assignment, Result
from tests.unit.conductor.conftest import Site

NEWER: list[dict[str, Any]] = [{'name': 'Invented'}, {'version': 2}]
either = pytest.mark.parametrize('change', NEWER, ids=['kind', 'version'])


def make_newer(site: Site, task_id: str, change: dict[str, Any]) -> None:
    """As a conductor of the next release would have planned it."""
    with site.parts.database.writer() as session:
        session.execute(
            sa.update(models.Task)
            .where(models.Task.id == task_id)
            .values(**change)
        )


def begun(site: Site) -> tuple[Execution, str, int]:
    """An execution whose first task was given to the worker."""
    execution = site.execute(site.transfer('a'))
    [(_, task_id, attempt)] = site.bus.starts
    return execution, task_id, attempt


@either
def test_it_is_not_started(site: Site, change: dict[str, Any]) -> None:
    execution = site.execute(site.transfer('a'))
    first: Assignment = site.next('Look')
    after = site.task(execution, 'Copy')
    make_newer(site, after.id, change)
    site.worker.do(first)
    assert site.bus.starts == []
    assert site.row(after.id).state is TaskState.PENDING
    # The newer conductor: here, the same one with a kind that it knows.
    make_newer(site, after.id, {'name': 'Copy', 'version': 1})
    advance(site.parts, execution.id)
    assert [id for _, id, _ in site.bus.starts] == [after.id]


@either
def test_a_worker_that_asks_the_older_one_asks_again(
    site: Site, change: dict[str, Any]
) -> None:
    execution, task_id, attempt = begun(site)
    make_newer(site, task_id, change)
    args = (site.parts, task_id, attempt, site.worker.host, 'i1')
    with pytest.raises(errors.Unreachable, match='is older than') as caught:
        assign.take(*args)
    assert caught.value.retryable
    assert site.row(task_id).state is TaskState.RUNNING
    make_newer(site, task_id, {'name': 'Look', 'version': 1})
    assert assign.take(*args).execution_id == execution.id


@either
@pytest.mark.parametrize('state', [TaskState.DONE, TaskState.FAILED])
def test_its_result_waits_for_the_newer_one(
    site: Site, change: dict[str, Any], state: TaskState
) -> None:
    _, task_id, attempt = begun(site)
    make_newer(site, task_id, change)
    with pytest.raises(errors.Unreachable, match='is older than'):
        finish.finish(site.parts, task_id, attempt, Result(state=state))
    assert site.row(task_id).state is TaskState.RUNNING


@either
@pytest.mark.parametrize('state', [TaskState.FAILED, TaskState.CANCELED])
def test_a_cancelled_one_ends_without_it(
    site: Site, change: dict[str, Any], state: TaskState
) -> None:
    execution, task_id, attempt = begun(site)
    executions.cancel(site.parts, site.who, execution.id, force=False)
    make_newer(site, task_id, change)
    finish.finish(site.parts, task_id, attempt, Result(state=state))
    assert site.row(task_id).state is state


def test_an_older_version_of_a_kind_is_run(site: Site) -> None:
    _, task_id, attempt = begun(site)
    make_newer(site, task_id, {'version': 0})
    given = assign.take(site.parts, task_id, attempt, site.worker.host, 'i1')
    assert given.version == 0
