# SPDX-License-Identifier: Apache-2.0
"""What an execution or a deployment would do."""

from __future__ import annotations

from coriolis_ng.objects.deployment import DeploymentPurpose, DeploymentSpec
from coriolis_ng.objects.execution import ExecutionSpec
from tests.unit.api.conftest import Client, Made, World

PLAN = {
    'tasks': [
        {
            'index': 1,
            'task_type': 'REPLICATE_DISKS',
            'instance': 'vm1',
            'depends_on': [],
            'on_error': False,
        },
        {
            'index': 2,
            'task_type': 'DELETE_TRANSFER_SOURCE_RESOURCES',
            'instance': 'vm1',
            'depends_on': [1],
            'on_error': True,
        },
    ],
    'disks': [
        {
            'instance': 'vm1',
            'disk_id': 'vda',
            'size': 2**31,
            'mode': 'delta',
            'reason': 'what changed since c1',
            'bytes': 2**20,
            'basis': 'as last time',
        },
        {
            'instance': 'vm1',
            'disk_id': 'vdb',
            'size': 2**30,
            'mode': 'full',
            'reason': 'the volume is new',
            'bytes': 2**30,
            'basis': 'The whole disk, at most.',
        },
    ],
    'bytes': 2**20 + 2**30,
    'notes': ['nothing else'],
}


def test_of_a_transfer(world: World, client: Client, made: Made) -> None:
    url = f'/transfers/{made.transfer["id"]}/actions'
    assert client.post(url, {'plan': None}) == {'plan': PLAN}
    client.post(url, {'plan': {'shutdown_instances': True}})
    assert world.conductor.planned == [
        ExecutionSpec(),
        ExecutionSpec(shutdown_instances=True),
    ]
    assert not client.get(f'/transfers/{made.transfer["id"]}/executions')[
        'executions'
    ]
    error = client.post(url, {'plan': {'when': 1}}, 400)['error']
    assert error['field'] == '$.plan.when'


def test_of_a_deployment(world: World, client: Client, made: Made) -> None:
    given = {'transfer_id': made.transfer['id'], 'purpose': 'test'}
    url = '/deployments/plan'
    assert client.post(url, {'deployment': given}) == {'plan': PLAN}
    assert client.get('/deployments') == {'deployments': []}
    id = client.post('/deployments', {'deployment': given})['deployment']['id']
    client.post(f'/deployments/{id}/actions', {'plan': None})
    spec = DeploymentSpec(
        transfer_id=made.transfer['id'], purpose=DeploymentPurpose.TEST
    )
    assert world.conductor.planned == [spec, spec]
    given['transfer_id'] = 'none'
    client.post(url, {'deployment': given}, 404)
