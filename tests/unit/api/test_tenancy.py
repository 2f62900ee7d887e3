# SPDX-License-Identifier: Apache-2.0
"""The things of one project, asked for by another under its own URL."""

from __future__ import annotations

from coriolis_ng.api import openapi
from coriolis_ng.api.method import TABLE
from tests.beds.bodies import body_of
from tests.unit.api.conftest import Made, World
from tests.unit.api.everything import ids_of, url_of
from tests.unit.api.test_recovery_points import points

openapi.document()  # collects the routes

# What belongs to a project, by the words of the routes.
OURS = {
    'endpoint_id',
    'transfer_id',
    'replica_id',
    'migration_id',
    'deployment_id',
    'execution_id',
    'schedule_id',
    'recovery_point_id',
    'minion_pool_id',
    'stray_id',
}
OF_A_PROJECT = [
    route for route in TABLE if any(f'{{{id}}}' in route.path for id in OURS)
]
# Bodies that name what belongs to a project. That of a transfer is the
# conductor's to look at, and this one writes what it is told.
NAMING = [
    route
    for route in TABLE
    if route.verb == 'POST'
    and route not in OF_A_PROJECT
    and route.path.split('/')[-1]
    in {'deployments', 'plan', 'migrations', 'minion_pools'}
]  # fmt: skip


def test_nothing_of_another_project_is_found(world: World, made: Made) -> None:
    owner, other = world.client(), world.client('admin', 'p2')
    transfer = f'/transfers/{made.transfer["id"]}'
    (point,) = points(world, made, 1)
    execution = owner.post(f'{transfer}/executions', {})['execution']['id']
    deployment = owner.post(
        '/deployments', {'deployment': {'transfer_id': made.transfer['id']}}
    )['deployment']['id']
    endpoint = f'/endpoints/{made.origin["id"]}'
    asked = [
        ('GET', endpoint, None),
        ('PUT', endpoint, {'endpoint': {'name': 'mine'}}),
        ('DELETE', endpoint, None),
        ('POST', f'{endpoint}/actions', {'validate-connection': None}),
        ('GET', f'{endpoint}/instances', None),
        ('GET', f'{endpoint}/instances/eA', None),
        ('GET', f'{endpoint}/networks', None),
        ('GET', f'{endpoint}/storage', None),
        ('GET', f'{endpoint}/source-options', None),
        ('GET', f'{endpoint}/destination-options', None),
        ('GET', transfer, None),
        ('PUT', transfer, {'transfer': {'notes': 'mine'}}),
        ('DELETE', transfer, None),
        ('POST', f'{transfer}/actions', {'delete-disks': None}),
        ('POST', f'{transfer}/actions', {'preflight': None}),
        ('GET', f'{transfer}/executions', None),
        ('GET', f'{transfer}/executions/detail', None),
        ('POST', f'{transfer}/executions', {}),
        ('GET', f'{transfer}/executions/{execution}', None),
        ('DELETE', f'{transfer}/executions/{execution}', None),
        (
            'POST',
            f'{transfer}/executions/{execution}/actions',
            {'cancel': {'force': True}},
        ),
        ('GET', f'{transfer}/recovery_points', None),
        ('GET', f'/recovery_points/{point}', None),
        ('DELETE', f'/recovery_points/{point}', None),
        ('POST', f'/recovery_points/{point}/actions', {'pin': None}),
        ('GET', f'/deployments/{deployment}', None),
        ('DELETE', f'/deployments/{deployment}', None),
        ('POST', f'/deployments/{deployment}/actions', {'cancel': None}),
        (
            'POST',
            '/deployments',
            {'deployment': {'transfer_id': made.transfer['id']}},
        ),
    ]
    for verb, path, body in asked:
        answer = other.call(verb, path, body)
        assert answer.status_int == 404, (verb, path, answer.text)
    assert world.conductor.cancelled == []
    assert other.get('/endpoints') == {'endpoints': []}
    assert other.get('/transfers') == {'transfers': []}
    assert other.get('/deployments') == {'deployments': []}


def test_a_good_body_changes_nothing_of_another_project(
    world: World, made: Made
) -> None:
    ids = ids_of(world, made)
    owner, other = world.client(), world.client('admin', 'p2')

    def everything() -> object:
        return [
            owner.get(url_of(route, ids).removeprefix('/v1/p1'))
            for route in OF_A_PROJECT
            if route.verb == 'GET' and 'inventory' not in route.path
        ]

    before = everything()
    asked = len(world.conductor.callers)
    for route in OF_A_PROJECT:
        url = url_of(route, ids).removeprefix('/v1/p1')
        answer = other.call(route.verb, url, body_of(route, ids))
        assert answer.status_int == 404, (route.verb, url, answer.text)
    for route in NAMING:
        url = url_of(route, ids).removeprefix('/v1/p1')
        answer = other.call(route.verb, url, body_of(route, ids))
        assert answer.status_int in (400, 404), (url, answer.text)
        assert 'vm1' not in answer.text
    assert everything() == before
    assert len(world.conductor.callers) == asked
    assert world.conductor.cancelled == []


def test_these_bodies_are_good(world: World, made: Made) -> None:
    """Or the test above would see the refusal of a body."""
    ids = ids_of(world, made)
    for route in (*OF_A_PROJECT, *NAMING):
        if route.verb in {'POST', 'PUT'}:
            url = url_of(route, ids).removeprefix('/v1/p1')
            body = body_of(route, ids)
            answer = world.client().call(route.verb, url, body)
            assert answer.status_int in (200, 204, 409), (url, answer.text)
