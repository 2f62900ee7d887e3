# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tests.unit.api.conftest import Client, Made, World


def test_a_project_sees_what_it_may_use(client: Client, made: Made) -> None:
    assert client.get('/quotas')['quotas'] == [
        {'resource': 'executions', 'limit': -1, 'usage': 0,
         'source': 'default'},
        {'resource': 'instances', 'limit': -1, 'usage': 1,
         'source': 'default'},
    ]  # fmt: skip
    assert client.get('/quotas/p1') == client.get('/quotas')
    assert client.get('/quotas/p2')['quotas'][1]['usage'] == 0


def test_limits_are_set_one_by_one(client: Client, world: World) -> None:
    def limits() -> list[tuple[int, str]]:
        found = world.client('reader', 'p2').get('/quotas')['quotas']
        return [(one['limit'], one['source']) for one in found]

    client.put('/quotas/p2', {'quotas': {'executions': 2}})
    assert limits() == [(2, 'project'), (-1, 'default')]
    client.put('/quotas/p2', {'quotas': {'instances': 0, 'executions': None}})
    assert limits() == [(-1, 'default'), (0, 'project')]
    client.delete('/quotas/p2')
    assert limits() == [(-1, 'default'), (-1, 'default')]


def test_what_is_no_limit(client: Client) -> None:
    for limits, field in (
        ({'executions': -2}, '$.quotas.executions'),
        ({'executions': '1'}, '$.quotas.executions'),
        ({'tasks': 1}, '$.quotas.tasks'),
    ):
        error = client.put('/quotas/p2', {'quotas': limits}, 400)['error']
        assert error['field'] == field
