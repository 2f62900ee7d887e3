# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
import pytest

from coriolis_ng.db import api as rows
from coriolis_ng.objects.volume import ClonedVolumes, Volume
from tests.unit.api.conftest import Client, Made, World
from tests.unit.api.scripted import GUEST


def deploy(client: Client, made: Made, **more: Any) -> dict[str, Any]:
    given = {'deployment': {'transfer_id': made.transfer['id'], **more}}
    return client.post('/deployments', given)['deployment']


def test_create_inherits_from_the_transfer(client: Client, made: Made) -> None:
    answer = deploy(
        client,
        made,
        clone_disks=None,
        skip_os_morphing=None,
        user_scripts=None,
        instance_osmorphing_minion_pool_mappings=None,
        purpose='test',
        recovery_points={'vm1': 'rp'},
        set_dhcp=True,
    )
    assert answer['type'] == 'deployment'
    assert answer['transfer_id'] == made.transfer['id']
    assert answer['transfer_scenario_type'] == 'replica'
    assert answer['purpose'] == 'test'
    assert answer['recovery_points'] == {'vm1': 'rp'}
    assert answer['set_dhcp'] is True
    assert answer['instances'] == ['vm1']
    assert answer['origin_endpoint_id'] == made.origin['id']
    assert answer['clone_disks'] is True
    assert answer['last_execution_status'] == 'RUNNING'
    assert answer['transfer_result'] is None
    assert len(answer['tasks']) == 3
    assert 'executions' not in answer


def test_empty_scripts_are_those_of_the_transfer(
    client: Client, made: Made
) -> None:
    url = f'/transfers/{made.transfer["id"]}'
    scripts = {'instances': {'vm1': 'x'}}
    client.put(url, {'transfer': {'user_scripts': scripts}})
    answer = deploy(client, made, user_scripts={'global': {}, 'instances': {}})
    assert set(answer['user_scripts']['instances']) == {'vm1'}


def test_what_it_says_itself_counts(client: Client, made: Made) -> None:
    answer = deploy(
        client,
        made,
        clone_disks=False,
        skip_os_morphing=True,
        force=True,
        user_scripts={'global': {'windows': 'dir'}},
    )
    assert answer['clone_disks'] is False
    assert answer['skip_os_morphing'] is True
    assert answer['force'] is True
    assert answer['purpose'] == 'failover'
    assert answer['user_scripts']['global'] == {'windows': 'dir'}


def test_lists_have_no_tasks(client: Client, made: Made) -> None:
    ids = [deploy(client, made)['id'] for _ in range(2)]
    for url in ('/deployments', '/deployments/detail'):
        listed = client.get(url)['deployments']
        assert [one['id'] for one in listed] == ids[::-1]
        assert listed[0]['executions'] == []
        assert 'tasks' not in listed[0]
    mine = client.get(f'/deployments?transfer_id={made.transfer["id"]}')
    assert len(mine['deployments']) == 2
    none = client.get('/deployments?transfer_id=other&status=RUNNING')
    assert none['deployments'] == []


def test_a_machine_that_was_made(
    world: World, client: Client, made: Made
) -> None:
    id = deploy(client, made)['id']

    def done(session: Any) -> None:
        before = rows.deployments.instance(session, id, 'vm1')
        after = msgspec.structs.replace(
            before,
            recovery_point_id='rp1',
            vm=GUEST,
            address='192.0.2.7',
            morphed=('fstab',),
            volumes=ClonedVolumes(
                items=(Volume(id='v1', disk_id='vda', size=7),)
            ),
        )
        rows.deployments.save(session, before, after)

    world.database.write(done)
    answer = client.get(f'/deployments/{id}?include_task_info=true')
    answer = answer['deployment']
    assert answer['deployed'] == [
        {
            'instance': 'vm1',
            'recovery_point_id': 'rp1',
            'vm_id': '4f0c',
            'address': '192.0.2.7',
            'stages': ['fstab'],
        }
    ]
    assert answer['transfer_result']['vm1']['memory_mb'] == 1024
    assert answer['info']['vm1']['volumes_info'][0]['volume_id'] == 'v1'


def test_a_deployment_outlives_its_transfer(
    world: World, client: Client, made: Made
) -> None:
    id = deploy(client, made)['id']
    transfer_id = made.transfer['id']
    world.database.write(lambda s: rows.transfers.delete(s, transfer_id))
    shown = client.get(f'/deployments/{id}')['deployment']
    assert shown['transfer_id'] == transfer_id
    assert shown['origin_endpoint_id'] == ''
    assert shown['instances'] == ['vm1']
    assert client.get('/deployments')['deployments'][0]['id'] == id


def test_cancel_and_delete(world: World, client: Client, made: Made) -> None:
    id = deploy(client, made)['id']
    url = f'/deployments/{id}'
    client.post(f'{url}/actions', {'cancel': {'force': False}}, 204)
    assert world.conductor.cancelled == [(id, False)]
    member = world.client('member')
    member.post(f'{url}/actions', {'cancel': {'force': True}}, 204)
    assert world.conductor.cancelled[1:] == [(id, True)]
    reader = world.client('reader')
    reader.post(f'{url}/actions', {'cancel': {'force': True}}, 403)
    client.delete(url, 409)


@pytest.mark.parametrize('said', [{'vm1': 'p'}, {}, None])
def test_pools_of_one_deployment(
    client: Client, made: Made, said: dict[str, str] | None
) -> None:
    given = {
        'transfer_id': made.transfer['id'],
        'instance_osmorphing_minion_pool_mappings': said,
    }
    shown = client.post('/deployments', {'deployment': given})['deployment']
    assert shown['instance_osmorphing_minion_pool_mappings'] == (said or {})


@pytest.mark.parametrize(
    ('more', 'status', 'field'),
    [
        ({'transfer_id': 'nope'}, 404, None),
        ({'purpose': 'holiday'}, 400, '$.deployment.purpose'),
        ({'recovery_points': ['x']}, 400, '$.deployment.recovery_points'),
        (
            {'instance_osmorphing_minion_pool_mappings': {'vm1': 1}},
            400,
            '$.deployment.instance_osmorphing_minion_pool_mappings[...]',
        ),
        ({'transfer': 'x'}, 400, '$.deployment.transfer'),
    ],
)
def test_bad_input(
    client: Client,
    made: Made,
    more: dict[str, Any],
    status: int,
    field: str | None,
) -> None:
    given = {'transfer_id': made.transfer['id'], **more}
    error = client.post('/deployments', {'deployment': given}, status)
    assert error['error']['field'] == field
