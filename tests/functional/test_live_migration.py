# SPDX-License-Identifier: Apache-2.0
"""Live migrations do what their request says, and leave nobody's machine
off where they came to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from coriolis_ng.client import ApiError
from tests.functional.test_copies import power, powers
from tests.functional.world import MIB, World, notes, told, wait_until

Json = dict[str, Any]


def deployments(world: World, transfer: str) -> list[Json]:
    return [
        one
        for one in world.client.deployments.list()
        if one['transfer_id'] == transfer
    ]


def started_again(world: World, transfer: str) -> Json:
    """The execution that switches machines on again, when it is over."""

    def found() -> Json | None:
        for one in world.client.executions.of(transfer).list():
            if one['type'] == 'transfer_sources_start':
                return dict(one)
        return None

    one = wait_until(found, 'an execution that starts machines again')
    return world.ended(transfer, one['id'])


@pytest.mark.parametrize(
    'said',
    [
        {'shutdown_instances': False, 'auto_deploy': False},
        # As clients send it that know no other field.
        {'shutdown_instances': False},
    ],
)
def test_who_says_no_gets_a_copy(world: World, said: Json) -> None:
    name = world.machine('stays', MIB)
    transfer = world.transfer(name, scenario='live_migration')
    done = world.run(transfer, **said)
    assert done['shutdown_instances'] is False
    assert done['auto_deploy'] is False
    assert len(world.points(transfer)) == 1
    assert (power(world, name), powers(world)) == ('on', [])
    assert deployments(world, transfer) == []
    with pytest.raises(ApiError, match='would be lost') as caught:
        world.deploy(transfer, purpose='final')
    assert caught.value.status == 409
    deployed = world.deploy(transfer)
    assert set(deployed['transfer_result']) == {name}
    [machine] = world.destination.left()['machines']
    disks = world.destination.call('get_machine', name=machine)['disks']
    world.destination.call('drop_machine', id=machine)
    for disk in disks:
        world.destination.call('drop_volume', id=disk['id'])


def test_a_source_runs_again_when_its_deployment_failed(
    world: World,
) -> None:
    name = world.machine('missed', MIB)
    transfer = world.transfer(name, scenario='live_migration')
    world.destination.call(
        'test_fail', call='clone_volume', error='Unsupported'
    )
    done = world.run(transfer)
    assert done['shutdown_instances'] is True
    assert done['auto_deploy'] is True
    again = started_again(world, transfer)
    assert again['status'] == 'COMPLETED', told(again)
    assert any('runs again' in note for note in notes(again)), told(again)
    assert powers(world) == ['stop', 'start']
    assert power(world, name) == 'on'
    [failed] = deployments(world, transfer)
    assert failed['last_execution_status'] == 'ERROR'
    assert failed['deployer_id'] == done['id']


def test_a_source_that_was_off_stays_off(world: World) -> None:
    name = world.machine('idle', MIB)
    world.source.call('stop_machine', name=name)
    transfer = world.transfer(name, scenario='live_migration')
    world.destination.call(
        'test_fail', call='clone_volume', error='Unsupported'
    )
    world.run(transfer)
    [failed] = wait_until(
        lambda: [
            one
            for one in deployments(world, transfer)
            if one['last_execution_status'] == 'ERROR'
        ],
        'a deployment that failed',
    )
    kinds = [
        one['type'] for one in world.client.executions.of(transfer).list()
    ]
    assert kinds == ['transfer_execution']
    assert power(world, name) == 'off'
    assert failed['instances'] == [name]
