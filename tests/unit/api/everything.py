# SPDX-License-Identifier: Apache-2.0
"""One of each thing that a project can have, for tests that walk all
routes."""

from __future__ import annotations

import re

from coriolis_ng.api.method import Route
from tests.unit.api.conftest import PROJECT, Made, World
from tests.unit.api.test_minion_pools import body as pool_body
from tests.unit.api.test_recovery_points import points
from tests.unit.api.test_strays import leave


def ids_of(world: World, made: Made) -> dict[str, str]:
    """By the words of the routes; made as the administrator of p1."""
    client = world.client()
    transfer = made.transfer['id']
    below = f'/transfers/{transfer}'
    [point] = points(world, made, 1)
    leave(world, client, made, 'v1')
    [stray] = client.get('/strays')['strays']
    execution = client.post(f'{below}/executions', {})['execution']
    schedule = client.post(f'{below}/schedules', {'schedule': {'hour': 3}})
    pool = client.post('/minion_pools', pool_body(made))['minion_pool']
    region = client.post('/regions', {'region': {'name': 'r'}})['region']
    deployment = client.post(
        '/deployments', {'deployment': {'transfer_id': transfer}}
    )['deployment']
    return {
        'project_id': PROJECT,
        'endpoint_id': made.origin['id'],
        'destination_id': made.destination['id'],
        'transfer_id': transfer,
        'replica_id': transfer,
        'migration_id': deployment['id'],
        'deployment_id': deployment['id'],
        'execution_id': execution['id'],
        'schedule_id': schedule['schedule']['id'],
        'recovery_point_id': point,
        'minion_pool_id': pool['id'],
        'region_id': region['id'],
        'service_id': world.beat('w1'),
        'quota_project_id': PROJECT,
        'stray_id': stray['id'],
        'platform': 'memory',
        'type': '16',
        'instance': 'd2ViMQ==',
    }


def url_of(route: Route, ids: dict[str, str]) -> str:
    """The whole path of a route."""
    return re.sub(r'\{(\w+)\}', lambda found: ids[found[1]], route.path)
