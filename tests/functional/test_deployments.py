# SPDX-License-Identifier: Apache-2.0
"""Machines that are made of recovery points."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from coriolis_ng.client import ApiError
from tests.beds import memory
from tests.functional.world import MIB, World, wait_until

NIC = {'mac': '52:54:00:00:00:01', 'network': 'green'}


def made_machine(world: World, deployment: dict[str, Any], name: str) -> Any:
    """The one new machine, as its cloud describes it."""
    [one] = [d for d in deployment['deployed'] if d['instance'] == name]
    return world.destination.call('get_machine', name=one['vm_id'])


def content(world: World, machine: Any) -> list[str]:
    return [
        world.sha256_of_machine(
            machine['id'], disk['id'], disk['size'], world.destination
        )
        for disk in machine['disks']
    ]


def original(world: World, name: str) -> list[str]:
    machine = world.source.call('get_machine', name=name)
    return [
        world.sha256_of_machine(name, disk['id'], disk['size'])
        for disk in machine['disks']
    ]


def test_a_test_leaves_nothing(world: World) -> None:
    name = world.machine(
        'web 1', 2 * MIB, 4 * MIB, cpus=3, memory=1 << 30, nics=[NIC]
    )
    transfer = world.transfer(name, skip_os_morphing=False)
    world.run(transfer)
    before = world.destination.left()
    made = world.deploy(transfer, purpose='test')
    machine = made_machine(world, made, name)
    assert machine['name'] == name
    assert (machine['cpus'], machine['memory']) == (3, 1 << 30)
    assert machine['power'] == 'on'
    assert machine['nics'] == [{**NIC, 'network': 'isolated'}]
    assert content(world, machine) == original(world, name)
    [shown] = made['deployed']
    assert shown['address'].startswith('192.0.2.')
    assert made['transfer_result'][name]['name'] == name
    # Only the machine itself: the one that adapted it is gone.
    assert world.destination.left()['machines'] == [machine['id']]

    with pytest.raises(ApiError) as caught:
        world.client.transfers.delete(transfer)
    assert caught.value.status == 409
    world.undeploy(made['id'])
    assert world.destination.left() == before

    # The replica was not touched by what the test did.
    world.run(transfer)
    point = world.points(transfer)[0]
    assert point['mode'] == 'delta'
    world.check_same(point, name)


def test_a_deployment_from_an_older_point(world: World) -> None:
    name = world.machine('older', 2 * MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    then = original(world, name)
    world.fill(name, 0, 0, MIB)
    world.run(transfer)
    newest, oldest = world.points(transfer)
    made = world.deploy(
        transfer, purpose='test', recovery_points={name: oldest['id']}
    )
    assert made['deployed'][0]['recovery_point_id'] == oldest['id']
    assert content(world, made_machine(world, made, name)) == then
    # What a deployed machine stands on cannot be deleted under it.
    with pytest.raises(ApiError) as caught:
        world.client.recovery_points.delete(oldest['id'])
    assert caught.value.status == 409
    world.undeploy(made['id'])

    made = world.deploy(transfer, purpose='test')
    assert made['deployed'][0]['recovery_point_id'] == newest['id']
    assert content(world, made_machine(world, made, name)) == original(
        world, name
    )
    with pytest.raises(ApiError) as caught:
        world.client.deployments.create(
            transfer_id=transfer, recovery_points={name: 'no-such-point'}
        )
    assert caught.value.status == 400


def test_nothing_to_deploy(world: World) -> None:
    name = world.machine('new', MIB)
    transfer = world.transfer(name)
    with pytest.raises(ApiError) as caught:
        world.client.deployments.create(transfer_id=transfer)
    assert caught.value.status == 409
    assert 'no recovery point' in caught.value.message


def test_failover_when_the_source_is_gone(
    world: World, tmp_path: pathlib.Path
) -> None:
    with memory.started(tmp_path, 'doomed') as doomed:
        doomed.make_machine('lost', 2 * MIB, nics=[NIC])
        doomed.write('lost', 'disk0', 0, b'last words' * 100)
        wanted = world.sha256_of_machine('lost', 'disk0', 2 * MIB, doomed)
        endpoint = world.client.endpoints.create(
            name='doomed',
            type='memory',
            connection_info=doomed.connection_info,
        )['id']
        transfer = world.transfer(
            'lost', origin_endpoint_id=endpoint, network_map={'green': 'blue'}
        )
        world.run(transfer)
    # From here on the source's cloud does not exist.
    assert world.client.endpoints.validate(endpoint)['valid'] is False
    world.run(transfer, 'ERROR')
    made = world.deploy(transfer, purpose='failover')
    machine = made_machine(world, made, 'lost')
    assert machine['nics'] == [{**NIC, 'network': 'blue'}]
    assert content(world, machine) == [wanted]
    # The machine is in use now: it stays when its deployment goes.
    world.client.deployments.delete(made['id'])
    assert world.destination.left()['machines'] == [machine['id']]
    _scrap(world, machine)
    _forget_doomed(world, transfer)
    world.client.endpoints.delete(endpoint)


def _forget_doomed(world: World, transfer: str) -> None:
    """The mark on the source cannot be taken off any more; everything at
    the destination goes all the same, and the ledger knows the mark."""
    made = world.client.transfers.delete_disks(transfer)
    done = world.ended(transfer, made['id'])
    assert done['status'] == 'ERROR'
    failed = [t for t in done['tasks'] if t['exception_details']]
    assert [t['task_type'] for t in failed] == [
        'DELETE_TRANSFER_SOURCE_DISK_SNAPSHOTS'
    ]
    assert world.destination.left() == {}
    world.client.transfers.delete(transfer)
    [mark] = world.service.query(
        'SELECT kind, side FROM ledger WHERE transfer_id = :id', id=transfer
    )
    assert list(mark) == ['checkpoint', 'source']


def _scrap(world: World, machine: Any) -> None:
    """What a user would do with a machine that is not needed any more."""
    world.destination.call('drop_machine', id=machine['id'])
    for disk in machine['disks']:
        world.destination.call('drop_volume', id=disk['id'])


def test_a_live_migration(world: World) -> None:
    name = world.machine('moves', 4 * MIB, nics=[NIC])
    transfer = world.transfer(name, scenario='live_migration')
    world.run(transfer)
    assert world.source.call('get_machine', name=name)['power'] == 'off'
    deployment = wait_until(world.client.deployments.list, 'a deployment')
    [one] = deployment
    made = world.deployed(one['id'])
    assert made['purpose'] == 'final'
    machine = made_machine(world, made, name)
    assert machine['nics'] == [NIC]
    assert content(world, machine) == original(world, name)
    second, first = world.points(transfer)
    assert (first['mode'], second['mode']) == ('full', 'delta')
    assert made['deployed'][0]['recovery_point_id'] == second['id']
    stopped = [x for x in world.source.log() if x['op'] == 'stop']
    assert len(stopped) == 1

    world.client.deployments.delete(made['id'])
    assert world.destination.left()['machines'] == [machine['id']]
    # Clones hang on the point that they were made of, so they go first.
    _scrap(world, machine)


def test_an_execution_that_deploys(world: World) -> None:
    name = world.machine('auto', 2 * MIB)
    transfer = world.transfer(name)
    world.run(transfer, auto_deploy=True)
    [one] = wait_until(world.client.deployments.list, 'a deployment')
    made = world.deployed(one['id'])
    assert made['purpose'] == 'failover'
    machine = made_machine(world, made, name)
    assert content(world, machine) == original(world, name)
    world.client.deployments.delete(made['id'])
    _scrap(world, machine)


def test_a_final_deployment_wants_a_machine_that_is_off(world: World) -> None:
    name = world.machine('db', 2 * MIB)
    transfer = world.transfer(name, skip_os_morphing=True)
    world.run(transfer)
    with pytest.raises(ApiError, match='shutdown_instances') as caught:
        world.deploy(transfer, purpose='final')
    assert caught.value.status == 409
    off = world.run(transfer, shutdown_instances=True)
    world.source.call('start_machine', name=name)
    with pytest.raises(ApiError, match='runs at the source again') as caught:
        world.deploy(transfer, purpose='final')
    assert caught.value.status == 409
    world.source.call('stop_machine', name=name)
    # What made the point is not needed any more.
    world.client.executions.of(transfer).delete(off['id'])
    made = world.deploy(transfer, purpose='final')
    machine = made_machine(world, made, name)
    assert content(world, machine) == original(world, name)
    assert world.source.call('get_machine', name=name)['power'] == 'off'
    world.client.deployments.delete(made['id'])
    _scrap(world, machine)
