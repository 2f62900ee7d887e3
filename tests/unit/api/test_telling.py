# SPDX-License-Identifier: Apache-2.0
"""The audit's lines of single requests, and how they are counted."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from tests.unit.api.conftest import PROJECT, World


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, 'coriolis_ng.audit')

    def found() -> list[dict[str, Any]]:
        return [
            msgspec.json.decode(record.getMessage())
            for record in caplog.records
            if record.name == 'coriolis_ng.audit'
        ]

    return found


def counted(**labels: str) -> float:
    found = REGISTRY.get_sample_value('coriolis_api_requests_total', labels)
    return found or 0


def test_reads_are_not_told(world: World, lines: Any) -> None:
    world.client().call('GET', '/transfers')
    assert lines() == []


def test_a_refusal_is_told(world: World, lines: Any) -> None:
    client = world.client('reader')
    secret = {'endpoint': {'connection_info': {'password': 'swordf1sh'}}}
    client.call('POST', '/endpoints', secret, status=403)
    [line] = lines()
    assert line['action'] == 'create'
    assert line['outcome'] == 'failure'
    assert line['reason'] == {'reasonType': 'HTTP', 'reasonCode': '403'}
    assert line['target'] == {
        'typeURI': 'service/migration/endpoints',
        'id': 'unknown',
    }
    assert line['initiator']['id'] == 'u-reader'
    assert line['initiator']['project_id'] == PROJECT
    assert line['requestPath'] == f'/v1/{PROJECT}/endpoints'
    assert 'swordf1sh' not in str(line)


def test_a_path_that_nobody_knows(world: World, lines: Any) -> None:
    before = counted(method='other', route='other', status='404')
    world.client().call('DELETE', '/nothing/' + 'x' * 500, status=404)
    [line] = lines()
    assert line['action'] == 'delete'
    assert len(line['requestPath']) == 200
    after = counted(method='other', route='other', status='404')
    assert after == before + 1


def test_the_id_of_what_is_changed(world: World, lines: Any) -> None:
    id = 'f0000000-0000-4000-8000-000000000000'
    world.client().call('DELETE', f'/endpoints/{id}', status=404)
    [line] = lines()
    assert line['target']['id'] == id
    assert line['reason']['reasonCode'] == '404'
