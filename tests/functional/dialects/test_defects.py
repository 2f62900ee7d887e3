# SPDX-License-Identifier: Apache-2.0
"""Faults that the known API has, each tried here; those of replicas and
migrations stand with their contracts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.functional.dialects.rest import Json, Rest, refusal
from tests.functional.world import MIB, World


def trusts(value: Any) -> list[Any]:
    """What fields that are named after trusts hold, anywhere in it."""
    if isinstance(value, dict):
        here = [one for name, one in value.items() if 'trust' in name]
        return here + trusts(list(value.values()))
    if isinstance(value, list):
        return [found for one in value for found in trusts(one)]
    return []


@pytest.mark.parametrize(
    'change',
    [
        {'type': 'no such cloud'},
        {'connection_info': {}},
        {'connection_info': {'port': 'x', 'password': 'y'}},
        {'connection_info': {'port': 1, 'password': 'y', 'more': 1}},
        {'name': ''},
    ],
    ids=str,
)
def test_an_endpoint_is_checked_when_it_is_made(
    world: World, rest: Rest, change: Json
) -> None:
    body = {
        'name': 'x',
        'type': 'memory',
        'connection_info': world.source.connection_info,
        **change,
    }
    answer = rest.post('/endpoints', {'endpoint': body}, 400)
    refusal(answer, 400, 'badRequest')
    [name] = change
    assert answer['error']['field'].startswith(f'$.endpoint.{name}')
    assert rest.get('/endpoints')['endpoints'] == []


def test_no_answer_has_a_credential(world: World, rest: Rest) -> None:
    name = world.machine('web', MIB)
    id = world.transfer(name)
    body = {'schedule': {'hour': 1}, 'enabled': False}
    rest.post(f'/transfers/{id}/schedules', body)
    world.run(id)
    password = world.source.connection_info['password']
    for path in (
        '/endpoints',
        f'/endpoints/{world.endpoint("source")}',
        '/transfers?include_task_info=true',
        f'/transfers/{id}/executions',
        f'/transfers/{id}/schedules',
        f'/replicas/{id}',
        '/replicas/detail',
        '/services',
        '/diagnostics',
    ):
        answer = rest.get(path)
        assert password not in json.dumps(answer)
        assert not any(trusts(answer))


def test_what_is_shown_cannot_overwrite_what_is_kept(
    world: World, rest: Rest
) -> None:
    url = f'/endpoints/{world.endpoint("source")}'
    shown = rest.get(url)['endpoint']
    body = {
        name: shown[name]
        for name in ('name', 'description', 'connection_info')
    }
    answer = rest.put(url, {'endpoint': body}, 400)
    assert 'mask' in refusal(answer, 400, 'badRequest')
    said = rest.post(f'{url}/actions', {'validate-connection': None})
    assert said['validate-connection']['valid'] is True


@pytest.mark.parametrize(
    'schedule', [{}, {'houre': 1}, {'minute': 60}, {'dow': 7}, {'dom': 0}]
)
def test_a_schedule_says_when(
    world: World, rest: Rest, schedule: Json
) -> None:
    url = f'/transfers/{world.transfer("vm1")}/schedules'
    answer = rest.post(url, {'schedule': schedule}, 400)
    refusal(answer, 400, 'badRequest')
    assert rest.get(url)['schedules'] == []


def test_disks_are_never_orphaned(world: World, rest: Rest) -> None:
    name = world.machine('web', MIB)
    id = world.transfer(name)
    world.run(id)
    for noun in ('transfers', 'replicas'):
        answer = rest.delete(f'/{noun}/{id}', 409)
        refusal(answer, 409, 'conflictingRequest')
    assert rest.get(f'/transfers/{id}')['transfer']['id'] == id
    assert world.destination.left()['volumes']


def test_a_service_that_nobody_saw_is_refused_at_once(rest: Rest) -> None:
    body = {
        'host': 'nowhere.example',
        'binary': 'coriolis-worker',
        'topic': 'coriolis_worker',
        'mapped_regions': [],
        'enabled': True,
    }
    answer = rest.post('/services', {'service': body}, 400)
    assert 'made itself known' in refusal(answer, 400, 'badRequest')


def test_lists_hold_no_more_than_asked(world: World, rest: Rest) -> None:
    name = world.machine('web', MIB)
    id = world.transfer(name)
    world.run(id)
    [listed] = rest.get('/transfers')['transfers']
    assert listed['executions'] == []
    assert 'info' not in listed
    first = rest.get('/endpoints?limit=1')['endpoints']
    then = rest.get(f'/endpoints?limit=1&marker={first[0]["id"]}')
    assert {one['id'] for one in [*first, *then['endpoints']]} == {
        world.endpoint('source'),
        world.endpoint('destination'),
    }


@pytest.mark.parametrize(
    'path',
    [
        '/transfers?limit=-1',
        '/transfers?limit=999999999999999999999999',
        '/transfers?sort_key=',
        '/transfers?sort_dir=desc',
        '/transfers?marker=%00',
        '/deployments?limit=-1',
        '/deployments?status=nope',
        '/endpoints?limit=-1',
        '/transfers/%00',
        '/transfers/%ff',
        '/endpoints/x/instances/x?env=x',
    ],
)
def test_no_question_breaks_it(rest: Rest, path: str) -> None:
    """Each answer is also checked against the document."""
    rest.call('GET', path, status=(200, 400, 404))
