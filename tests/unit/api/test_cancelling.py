# SPDX-License-Identifier: Apache-2.0
"""While an execution stops, so says whatever it belongs to."""

from __future__ import annotations

import pytest

from tests.unit.api.conftest import Client, Made


@pytest.mark.parametrize('noun', ['transfer', 'replica'])
def test_a_transfer(client: Client, made: Made, noun: str) -> None:
    id = made.transfer['id']
    url = f'/transfers/{id}'

    def seen() -> set[str]:
        one = client.get(f'/{noun}s/{id}')[noun]
        [listed] = client.get(f'/{noun}s')[f'{noun}s']
        return {one['last_execution_status'], listed['last_execution_status']}

    run = client.post(f'{url}/executions', {'execution': {}})['execution']
    assert seen() == {'RUNNING'}
    action = f'{url}/executions/{run["id"]}/actions'
    client.post(action, {'cancel': None}, 204)
    assert seen() == {'CANCELLING'}
    running = client.get('/transfers?status=RUNNING')['transfers']
    assert running == []
    [found] = client.get('/transfers?status=CANCELLING')['transfers']
    assert found['last_execution_status'] == 'CANCELLING'


def test_a_deployment(client: Client, made: Made) -> None:
    given = {'deployment': {'transfer_id': made.transfer['id']}}
    id = client.post('/deployments', given)['deployment']['id']
    url = f'/deployments/{id}'

    def seen() -> set[str]:
        one = client.get(url)['deployment']
        [listed] = client.get('/deployments')['deployments']
        return {one['last_execution_status'], listed['last_execution_status']}

    assert seen() == {'RUNNING'}
    client.post(f'{url}/actions', {'cancel': None}, 204)
    assert seen() == {'CANCELLING'}
