# SPDX-License-Identifier: Apache-2.0
"""The things of one project, asked for by another under its own URL."""

from __future__ import annotations

from tests.unit.api.conftest import Made, World
from tests.unit.api.test_recovery_points import points


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
