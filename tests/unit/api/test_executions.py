# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime
from typing import Any

import pytest

from coriolis_ng import errors
from coriolis_ng.api.views import executions as view
from coriolis_ng.api.views import words
from coriolis_ng.db import api as rows
from coriolis_ng.objects.execution import (
    Cancel,
    Execution,
    ExecutionKind,
    ExecutionSpec,
    ExecutionState,
)
from coriolis_ng.objects.task import (
    Level,
    Note,
    Progress,
    TaskRecord,
    TaskState,
)
from tests.unit.api.conftest import Client, Made, World

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def execute(client: Client, made: Made, body: Any = None) -> dict[str, Any]:
    url = f'/transfers/{made.transfer["id"]}/executions'
    given = {'execution': {}} if body is None else body
    return client.post(url, given)['execution']


@pytest.mark.parametrize(
    'body',
    [
        {},
        {'execution': {}},
        {'execution': {'shutdown_instances': False, 'auto_deploy': False}},
        {'execution': {'shutdown_instances': None}},
    ],
)
def test_execute(client: Client, made: Made, body: Any) -> None:
    answer = execute(client, made, body)
    assert answer['action_id'] == made.transfer['id']
    assert (answer['status'], answer['number']) == ('RUNNING', 1)
    assert answer['type'] == 'transfer_execution'
    first, copy, clean = answer['tasks']
    assert first['depends_on'] is None
    assert copy['depends_on'] == [first['id']]
    assert [t['task_type'] for t in answer['tasks']] == [
        'GET_INSTANCE_INFO',
        'REPLICATE_DISKS',
        'DELETE_TRANSFER_TARGET_RESOURCES',
    ]
    assert [t['status'] for t in answer['tasks']] == [
        'PENDING',
        'SCHEDULED',
        'SCHEDULED',
    ]
    assert [t['on_error'] for t in answer['tasks']] == [False, False, True]


def test_list_show_cancel_delete(
    world: World, client: Client, made: Made
) -> None:
    url = f'/transfers/{made.transfer["id"]}/executions'
    ids = [execute(client, made)['id'] for _ in range(2)]
    query = '?limit=10&sort_key=number&sort_dir=desc'
    listed = client.get(url + query)['executions']
    assert [(e['id'], e['number']) for e in listed] == [
        (ids[1], 2),
        (ids[0], 1),
    ]
    assert all(len(e['tasks']) == 3 for e in listed)
    assert len(client.get(f'{url}/detail')['executions']) == 2
    assert client.get(f'{url}?status=COMPLETED') == {'executions': []}
    client.get(f'{url}?status=UNEXECUTED', 400)
    client.post(f'{url}/{ids[0]}/actions', {'cancel': None}, 204)
    shown = client.get(f'{url}/{ids[0]}')['execution']
    assert shown['status'] == 'CANCELLING'
    client.post(f'{url}/{ids[0]}/actions', {'cancel': {'force': True}}, 204)
    assert world.conductor.cancelled == [(ids[0], False), (ids[0], True)]
    assert client.delete(f'{url}/{ids[0]}', 409)['error']['fault'] == (
        'conflictingRequest'
    )


def test_a_retry_counts_anew(world: World, client: Client, made: Made) -> None:
    """It is this request's, and may be tried again as often as any."""
    before = world.conductor.execution_create(
        {'project_id': 'p1'},
        made.transfer['id'],
        ExecutionSpec(
            checksum=True, retry_of='x', retries=2, request_id='req-old'
        ),
    )
    url = f'/transfers/{made.transfer["id"]}/executions/{before.id}/actions'
    again = client.post(url, {'retry': None})['execution']
    spec = world.database.read(
        lambda s: rows.executions.get(s, again['id'])
    ).spec
    assert spec == ExecutionSpec(checksum=True, retry_of=before.id)


def test_a_retry_names_what_its_body_has(
    world: World, client: Client, made: Made
) -> None:
    below = f'/transfers/{made.transfer["id"]}/executions'
    id = client.post(below, {})['execution']['id']
    for url, body, field in (
        (f'{below}/{id}/actions', {'retry': None}, '$.retry'),
        (below, {'execution': {'retry_of': id}}, '$.execution.retry_of'),
    ):
        world.conductor.refusals['execute'] = errors.InvalidInput(
            'It copied nothing.', field='$.retry_of'
        )
        error = client.post(url, body, 400)['error']
        assert error['field'] == field


def test_who_may_execute_may_cancel_with_force(
    world: World, made: Made
) -> None:
    """Clients that are in use offer it to every member."""
    member, reader = world.client('member'), world.client('reader')
    one = execute(member, made)['id']
    url = f'/transfers/{made.transfer["id"]}/executions/{one}/actions'
    reader.post(url, {'cancel': {'force': True}}, 403)
    assert world.conductor.cancelled == []
    member.post(url, {'cancel': {'force': False}}, 204)
    member.post(url, {'cancel': {'force': True}}, 204)
    assert world.conductor.cancelled == [(one, False), (one, True)]


@pytest.mark.parametrize(
    ('body', 'field'),
    [
        ({'cancel': {'force': 'yes'}}, '$.cancel.force'),
        ({'cancel': {'harder': True}}, '$.cancel.harder'),
        ({'cancel': 7}, '$.cancel'),
    ],
)
def test_a_bad_cancel(
    client: Client, made: Made, body: Any, field: str
) -> None:
    one = execute(client, made)['id']
    url = f'/transfers/{made.transfer["id"]}/executions/{one}/actions'
    assert client.post(url, body, 400)['error']['field'] == field


def test_an_execution_of_another_transfer(client: Client, made: Made) -> None:
    other = Made(client)
    one = execute(client, made)['id']
    client.get(f'/transfers/{other.transfer["id"]}/executions/{one}', 404)


def test_bad_bodies(client: Client, made: Made) -> None:
    url = f'/transfers/{made.transfer["id"]}/executions'
    for body, field in (
        ({'execution': {'auto_deploy': 'x'}}, '$.execution.auto_deploy'),
        ({'execution': {'now': True}}, '$.execution.now'),
        ({'executions': {}}, '$.executions'),
        ([], '$'),
    ):
        assert client.post(url, body, 400)['error']['field'] == field


def record(
    id: str, state: TaskState, needs: tuple[str, ...] = (), **more: Any
) -> TaskRecord:
    return TaskRecord(
        id=id,
        execution_id='e',
        instance='vm1',
        name='CopyDisks',
        index=int(id),
        state=state,
        needs=needs,
        **more,
    )


def shown(*tasks: TaskRecord, cancel: Cancel = Cancel.NO) -> Any:
    return view.execution(
        Execution(
            id='e',
            project_id='p1',
            owner_id='t',
            kind=ExecutionKind.TRANSFER,
            number=1,
            state=ExecutionState.RUNNING,
            cancel=cancel,
            tasks=tasks,
        )
    ).tasks


def test_the_words_of_tasks() -> None:
    tasks = shown(
        record('1', TaskState.DONE),
        record('2', TaskState.FAILED, reason='no space'),
        record('3', TaskState.CANCELED),
        record('4', TaskState.SKIPPED, reason='2 failed'),
        record('5', TaskState.RUNNING),
        record('6', TaskState.RUNNING, host='w1'),
        record('7', TaskState.PENDING, ('6',)),
        record('8', TaskState.PENDING, ('1',)),
    )
    assert [task.status for task in tasks] == [
        'COMPLETED',
        'ERROR',
        'CANCELED',
        'UNSCHEDULED',
        'STARTING',
        'RUNNING',
        'SCHEDULED',
        'PENDING',
    ]
    assert [t.exception_details for t in tasks[:4]] == [
        None,
        'no space',
        None,
        None,
    ]


def test_a_cleanup_is_not_cancelling() -> None:
    main, cleanup = shown(
        record('1', TaskState.RUNNING, host='w1'),
        record('2', TaskState.RUNNING, host='w1', cleans=('1',)),
        cancel=Cancel.GRACEFUL,
    )
    assert (main.status, cleanup.status) == ('CANCELLING', 'RUNNING')


def test_progress_for_people_and_for_programs() -> None:
    (task,) = shown(
        record(
            '1',
            TaskState.RUNNING,
            host='w1',
            started_at=NOON,
            notes=(
                Note(index=1, at=NOON, text='starting'),
                Note(index=2, at=NOON, text='slow', level=Level.WARNING),
            ),
            progress=(
                Progress(
                    item='vda',
                    done=int(1.25 * 2**30),
                    total=4 * 2**30,
                    rate=310 * 2**20,
                    eta_seconds=9.1,
                ),
                Progress(item='vdb', done=5, total=5, unit='files'),
            ),
        )
    )
    assert [(u.index, u.message) for u in task.progress_updates] == [
        (1, 'starting'),
        (2, 'slow'),
        (3, 'vda: 1.2 GiB of 4.0 GiB, 310.0 MiB/s, 9 s left'),
        (4, 'vdb: 5 of 5 files'),
    ]
    assert task.progress_updates[2].current_step == int(1.25 * 2**30)
    assert task.progress_updates[0].created_at == '2026-01-01T12:00:00.000000'
    assert len({u.id for u in task.progress_updates}) == 4
    (event,) = task.events
    assert (event.level, event.message) == ('WARNING', 'slow')
    assert (task.progress[0].item, task.progress[0].eta_seconds) == (
        'vda',
        9.1,
    )


def test_words() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert words.time(NOON.astimezone(zone)) == '2026-01-01T12:00:00.000000'
    assert words.task_type('TakeFromPool') == 'TAKE_FROM_POOL'
    assert words.task_type('MorphVm') == 'OS_MORPHING'
    assert words.size(1023) == '1023 B'
    assert words.size(2**40) == '1.0 TiB'
    assert words.duration(59.4) == '59 s'
    assert words.duration(185) == '3 min 5 s'
    assert words.duration(7800) == '2 h 10 min'
    assert words.last_status(None) == 'UNEXECUTED'
