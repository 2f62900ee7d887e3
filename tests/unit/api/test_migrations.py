# SPDX-License-Identifier: Apache-2.0
"""Older dialects at the edge: what becomes of a body, and what is undone
when it is refused."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from coriolis_ng import errors
from coriolis_ng.api.schemas.decode import decode_body
from coriolis_ng.api.schemas.migrations import CreateMigration
from coriolis_ng.api.v1.replicas import clouds
from coriolis_ng.api.views import migrations as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects import new_id
from coriolis_ng.objects.execution import (
    Execution,
    ExecutionKind,
    ExecutionState,
)
from coriolis_ng.objects.task import Level, Note, TaskRecord, TaskState
from coriolis_ng.objects.transfer import Scenario, TransferSpec
from tests.unit.api.conftest import Client, Made, World

SECRET = 'ebe69d82-da6f-451e-a0f6-3551d0f7ef85'  # noqa: S105 - an id
EXAMPLE: dict[str, Any] = {
    'migration': {
        'origin': {
            'type': 'vmware_vsphere',
            'connection_info': {'secret_id': SECRET},
        },
        'destination': {
            'type': 'openstack',
            'target_environment': {
                'flavor_name': 'm1.small',
                'network_map': {'VM Network': 'private'},
            },
        },
        'instances': ['CentOS 7', 'WS 2012 R2'],
    }
}


def spec_of(world: World, id: str) -> TransferSpec:
    return world.database.read(lambda s: rows.transfers.get(s, id)).spec


def inline(**more: Any) -> dict[str, Any]:
    end = {'type': 'memory', 'connection_info': {'host': 'h'}}
    return {'origin': end, 'destination': end, 'instances': ['a'], **more}


def test_the_first_example_is_understood() -> None:
    given = decode_body(CreateMigration, EXAMPLE).migration
    given.check()
    assert given.origin is not None
    assert given.destination is not None
    assert given.origin.access() == {'secret_id': SECRET}
    assert given.destination.access() == {}
    made = given.transfer('o', 'd')
    assert made.instances == ['CentOS 7', 'WS 2012 R2']
    assert made.destination_environment == {
        'flavor_name': 'm1.small',
        'network_map': {'VM Network': 'private'},
    }


@pytest.mark.parametrize(
    'secret', [{'secret_id': SECRET}, {'secret_ref': SECRET}]
)
def test_secrets_become_references(
    world: World, client: Client, secret: dict[str, str]
) -> None:
    end = {'type': 'memory', 'connection_info': secret}
    body = {'replica': inline(origin=end, destination=end)}
    made = client.post('/replicas', body)['replica']
    for id in (made['origin_endpoint_id'], made['destination_endpoint_id']):
        row = world.database.read(
            lambda s, id=id: rows.endpoints.get(s, id)  # type: ignore[misc]
        )
        assert row.secret == SECRET


def test_a_migration_s_spec(world: World, client: Client) -> None:
    environment = {'pool': 'p', 'network_map': {'a': 'b'}}
    given = inline(replication_count=4, shutdown_instances=True)
    given['destination'] = {
        **given['destination'],
        'target_environment': environment,
    }
    made = client.post('/migrations', {'migration': given})['migration']
    spec = spec_of(world, made['id'])
    assert spec.scenario is Scenario.LIVE_MIGRATION
    assert (spec.replication_count, spec.shutdown_instances) == (4, True)
    assert spec.clone_disks is False
    assert spec.destination_environment == {'pool': 'p'}
    assert spec.network_map == {'a': 'b'}
    assert set(spec.own_endpoints) == {
        spec.origin_endpoint_id,
        spec.destination_endpoint_id,
    }
    made = client.post('/migrations', {'migration': inline()})['migration']
    spec = spec_of(world, made['id'])
    assert (spec.replication_count, spec.shutdown_instances) == (2, False)


def test_one_end_may_be_an_endpoint(
    world: World, client: Client, made: Made
) -> None:
    given = inline(origin_endpoint_id=made.origin['id'])
    del given['origin']
    shown = client.post('/replicas', {'replica': given})['replica']
    assert shown['origin']['endpoint_id'] == made.origin['id']
    spec = spec_of(world, shown['id'])
    assert spec.own_endpoints == (spec.destination_endpoint_id,)


def test_a_refusal_names_the_field_of_this_dialect(
    world: World, client: Client
) -> None:
    world.conductor.refusals['create'] = errors.InvalidInput(
        'no', field='$.type'
    )
    answer = client.post('/replicas', {'replica': inline()}, 400)
    assert answer['error']['field'] == '$.replica.origin.type'
    assert client.get('/endpoints')['endpoints'] == []


def test_a_copy_that_nothing_follows_is_an_error(
    world: World, client: Client
) -> None:
    body = {'migration': inline(instances=['a', 'b'])}
    made = client.post('/migrations', body)['migration']
    url = f'/migrations/{made["id"]}'
    assert client.get(url)['migration']['status'] == 'RUNNING'
    [run] = client.get(f'/transfers/{made["id"]}/executions')['executions']

    def end(session: Any) -> None:
        rows.executions.end(session, run['id'], 'done')  # type: ignore[arg-type]

    world.database.write(end)
    shown = client.get(url)['migration']
    assert shown['status'] == 'ERROR'
    missing = [t for t in shown['tasks'] if t['task_type'] == 'DEPLOY']
    assert [t['instance'] for t in missing] == shown['instances']
    assert {t['status'] for t in missing} == {'ERROR'}
    reasons = {t['exception_details'] for t in missing}
    assert reasons == {'There is no deployment of this copy.'}
    assert missing[0]['id'] != missing[-1]['id']
    again = client.get(url)['migration']
    assert again['tasks'] == shown['tasks']
    [listed] = client.get('/migrations')['migrations']
    assert listed['status'] == 'ERROR'


def test_why_nothing_follows_is_shown(world: World, client: Client) -> None:
    """The conductor says so of the last task of the copy."""
    made = client.post('/migrations', {'migration': inline()})['migration']
    transfer = world.database.read(lambda s: rows.transfers.get(s, made['id']))
    at = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)
    copy = TaskRecord(
        id=new_id(),
        execution_id=new_id(),
        instance='a',
        name='CopyDisks',
        index=1,
        state=TaskState.DONE,
        notes=(
            Note(index=0, at=at, text='slow', level=Level.WARNING),
            Note(index=1, at=at, text='No pool.', level=Level.ERROR),
        ),
    )
    run = Execution(
        id=copy.execution_id,
        project_id='p1',
        owner_id=transfer.id,
        kind=ExecutionKind.TRANSFER,
        number=1,
        state=ExecutionState.DONE,
        tasks=(copy,),
    )
    parts = view.Parts(transfer=transfer, run=run, live=True)
    ends = world.database.read(lambda s: clouds(s, [transfer]))
    shown = view.migration(parts, ends, with_tasks=True)
    assert shown.tasks
    assert [
        (one.index, one.task_type, one.status, one.exception_details)
        for one in shown.tasks
    ] == [
        (1, 'REPLICATE_DISKS', 'COMPLETED', None),
        (2, 'DEPLOY', 'ERROR', 'No pool.'),
    ]


def test_what_is_told_is_told_of_migrations(
    world: World, client: Client, made: Made
) -> None:
    for verb, path, body in (
        ('GET', '/migrations/zz', None),
        ('DELETE', '/migrations/zz', None),
        ('POST', '/migrations/zz/actions', {'cancel': None}),
        # A replica is none.
        ('GET', f'/migrations/{made.transfer["id"]}', None),
    ):
        error = client.call(verb, path, body, status=404).json['error']
        assert error['message'].startswith('there is no migration ')
    body = {'deployment': {'transfer_id': made.transfer['id']}}
    one = client.post('/deployments', body)['deployment']['id']
    url = f'/migrations/{one}/actions'
    client.post(url, {'cancel': None}, 204)
    told = client.post(url, {'cancel': None}, 409)['error']['message']
    assert told.startswith('The migration is being cancelled already.')
    client.post(url, {'cancel': {'force': True}}, 204)
    [run] = world.database.read(lambda s: rows.executions.of_owners(s, [one]))[
        one
    ]
    world.database.write(
        lambda s: rows.executions.end(s, run.id, ExecutionState.DONE)
    )
    for action in ({'cancel': None}, {'cancel': {'force': True}}):
        told = client.post(url, action, 409)['error']['message']
        assert told == 'The migration is not running.'
