# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from coriolis_ng import errors
from coriolis_ng.db import api as rows
from coriolis_ng.db.api.starts import Start
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from tests.unit.api.conftest import Client, Made, World


def leave(world: World, client: Client, made: Made, *names: str) -> None:
    """An execution that has ended and left these volumes."""
    url = f'/transfers/{made.transfer["id"]}/executions'
    execution = client.post(url, {})['execution']
    task = execution['tasks'][0]['id']
    worker = world.beat()

    def write(session: Any) -> None:
        given = Start(task_id=task, attempt=0, service_id=worker)
        rows.starts.start(session, [given], 90)
        for name in names:
            thing = Resource(
                kind=ResourceKind.VOLUME,
                id=name,
                tag=f'coriolis:{name}',
                side=Side.TARGET,
            )
            rows.ledger.created(
                session,
                task,
                1,
                thing,
                endpoint_id=made.destination['id'],
                transfer_id=made.transfer['id'],
            )
        rows.executions.end(session, execution['id'], ExecutionState.FAILED)

    world.database.write(write)


def test_what_is_left_is_listed_and_removed(
    world: World, client: Client, made: Made
) -> None:
    assert client.get('/strays') == {'strays': []}
    leave(world, client, made, 'v1', 'v2')
    first, second = client.get('/strays')['strays']
    assert (first['resource_id'], second['resource_id']) == ('v1', 'v2')
    assert first['kind'] == 'volume'
    assert first['side'] == 'target'
    assert first['endpoint_id'] == made.destination['id']
    assert client.get(f'/strays/{first["id"]}') == {'stray': first}
    page = client.get(f'/strays?limit=1&marker={first["id"]}')
    assert page['strays'] == [second]
    assert client.get('/strays?kind=vm')['strays'] == []
    assert world.client('reader', 'p2').get('/strays')['strays'] == []
    client.delete(f'/strays/{first["id"]}')
    client.delete(f'/strays/{second["id"]}?forget=true')
    assert world.conductor.removed == [
        (first['id'], False),
        (second['id'], True),
    ]


def test_what_cannot_be_removed(
    world: World, client: Client, made: Made
) -> None:
    client.delete('/strays/77', 404)
    client.delete('/strays/x', 404)
    leave(world, client, made, 'v1')
    (stray,) = client.get('/strays')['strays']
    world.client('manager', 'p2').delete(f'/strays/{stray["id"]}', 404)
    world.conductor.refusals['stray_remove'] = errors.Unreachable('Asleep.')
    error = client.delete(f'/strays/{stray["id"]}', 503)['error']
    assert error['message'] == 'Asleep.'
