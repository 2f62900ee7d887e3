# SPDX-License-Identifier: Apache-2.0
"""Every list has pages, made by the database, and filters by the words that
answers show."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from coriolis_ng.api import openapi
from coriolis_ng.api.method import TABLE, Route
from coriolis_ng.db import api as rows
from coriolis_ng.db import models
from coriolis_ng.objects.execution import Cancel
from tests.unit.api.conftest import Client, Made, World
from tests.unit.api.everything import ids_of, url_of

openapi.document()  # collects the routes

# What is no list of rows: asked of clouds, or short whatever happens.
WHOLE = {
    'destination-minion-pool-options',
    'destination-options',
    'diagnostics',
    'inventory',
    'networks',
    'providers',
    'quotas',
    'source-minion-pool-options',
    'source-options',
    'storage',
}
LISTS = [
    route
    for route in TABLE
    if route.verb == 'GET'
    and route.rule
    and not route.path.endswith('}')
    and route.path.split('/')[-1] not in WHOLE
]


@pytest.mark.parametrize('route', LISTS, ids=lambda route: route.path)
def test_every_list_has_pages(world: World, made: Made, route: Route) -> None:
    ids = ids_of(world, made)
    client = world.client()
    url = url_of(route, ids).removeprefix('/v1/p1')
    for query, field in (
        ('limit=-1', '$.limit'),
        ('limit=0', '$.limit'),
        ('limit=x', '$.limit'),
        ('marker=', '$.marker'),
    ):
        error = client.get(f'{url}?{query}', 400)['error']
        assert error['field'] == field
    [[_, found]] = [
        one
        for one in client.get(f'{url}?limit=1').items()
        if isinstance(one[1], list)
    ]
    assert len(found) <= 1
    if route.path.endswith(('/events', '/instances')):
        return  # their markers are no ids of rows
    error = client.get(f'{url}?marker=nope', 400)['error']
    assert error['field'] == '$.marker'


def walked(client: Client, noun: str, limit: int, more: str = '') -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    while True:
        after = f'&marker={found[-1]}' if found else ''
        page = client.get(f'/{noun}?limit={limit}{after}{more}')[noun]
        assert len(page) <= limit
        found += [one['id'] for one in page]
        if len(page) < limit:
            return found


def test_pages_of_migrations_hold_both_kinds(world: World, made: Made) -> None:
    client = world.client()
    end = {'type': 'memory', 'connection_info': {'host': 'h'}}
    live = [
        client.post(
            '/migrations',
            {
                'migration': {
                    'origin': end,
                    'destination': end,
                    'instances': [f'm{number}'],
                }
            },
        )['migration']['id']
        for number in range(3)
    ]
    body = {'deployment': {'transfer_id': made.transfer['id']}}
    deployed = [
        client.post('/deployments', body)['deployment']['id'] for _ in 'ab'
    ]
    # Of a live migration: part of it, and no migration of its own.
    body = {'deployment': {'transfer_id': live[0]}}
    part = client.post('/deployments', body)['deployment']['id']
    order = [live[0], deployed[0], live[1], deployed[1], live[2], part]
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    with world.database.writer() as session:
        for place, id in enumerate(order):
            for table in (models.Transfer, models.Deployment):
                session.execute(
                    sa.update(table)
                    .where(table.id == id)
                    .values(created_at=start + place * datetime.timedelta(1))
                )
    newest = order[-2::-1]
    assert walked(client, 'migrations', 100) == newest
    assert walked(client, 'migrations', 2) == newest
    assert walked(client, 'migrations', 1) == newest
    asc = '&sort_key=created_at&sort_dir=asc'
    assert walked(client, 'migrations', 2, asc) == order[:-1]
    detail = client.get('/migrations/detail?limit=2')['migrations']
    assert [one['id'] for one in detail] == newest[:2]
    other = world.client('admin', 'p2')
    assert other.get('/migrations') == {'migrations': []}
    other.get(f'/migrations?marker={live[0]}', 400)


def test_pages_of_replicas_hold_no_migrations(
    world: World, made: Made
) -> None:
    client = world.client()
    body = {
        name: made.transfer[name]
        for name in (
            'origin_endpoint_id',
            'destination_endpoint_id',
            'instances',
        )
    }
    ids = [made.transfer['id']]
    for scenario in ('replica', 'live_migration', 'replica'):
        one = client.post(
            '/transfers', {'transfer': {**body, 'scenario': scenario}}
        )['transfer']
        ids += [one['id']] if scenario == 'replica' else []
    assert walked(client, 'replicas', 1) == ids[::-1]
    detail = client.get('/replicas/detail?limit=2')['replicas']
    assert [one['id'] for one in detail] == ids[:0:-1]


def test_pages_of_services_go_by_host(world: World) -> None:
    ids = [world.beat(host) for host in ('w1', 'w2', 'w3')]
    client = world.client()
    assert walked(client, 'services', 2) == ids
    shown = client.get('/services?sort_key=host&sort_dir=desc')['services']
    assert [one['host'] for one in shown] == ['w3', 'w2', 'w1']
    client.get('/services?sort_key=seal_key', 400)


# All statuses of executions that clients know, active and final.
STATUSES = (
    'PENDING',
    'AWAITING_MINION_ALLOCATIONS',
    'RUNNING',
    'CANCELLING',
    'COMPLETED',
    'ERROR',
    'CANCELED',
    'DEADLOCKED',
)


def test_filters_take_every_status_of_executions(
    world: World, made: Made
) -> None:
    client = world.client()
    transfer = made.transfer['id']
    below = f'/transfers/{transfer}/executions'
    execution = client.post(below, {})['execution']['id']
    deployment = client.post(
        '/deployments', {'deployment': {'transfer_id': transfer}}
    )['deployment']
    run = world.database.read(
        lambda s: rows.executions.of_owners(s, [deployment['id']])
    )[deployment['id']][-1]

    def found(status: str) -> dict[str, list[str]]:
        return {
            noun: [
                one['id'] for one in client.get(f'{url}?status={status}')[noun]
            ]
            for noun, url in (
                ('transfers', '/transfers'),
                ('deployments', '/deployments'),
                ('executions', below),
            )
        }

    def in_status(wanted: str) -> None:
        for status in STATUSES:
            there = found(status)
            if status != wanted:
                assert there == {
                    'transfers': [], 'deployments': [], 'executions': []
                }, status  # fmt: skip
            else:
                assert there == {
                    'transfers': [transfer],
                    'deployments': [deployment['id']],
                    'executions': [execution],
                }
                [shown] = client.get(f'{below}?status={status}')['executions']
                assert shown['status'] == status

    in_status('RUNNING')
    with world.database.writer() as session:
        for id in (execution, run.id):
            rows.executions.ask_cancel(session, id, Cancel.GRACEFUL)
    in_status('CANCELLING')

    def end(session: Any) -> None:
        for id in (execution, run.id):
            rows.executions.end(session, id, 'canceled')  # type: ignore[arg-type]

    world.database.write(end)
    in_status('CANCELED')
    for url in ('/transfers', '/deployments', below):
        client.get(f'{url}?status=NOPE', 400)
