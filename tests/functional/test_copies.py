# SPDX-License-Identifier: Apache-2.0
"""What is copied, and why: full, delta, and full again with a reason."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from coriolis_ng.client import ApiError
from coriolis_ng.objects import new_id
from tests.beds import memory
from tests.functional.world import MIB, World, notes, task, told, wait_until


def test_a_delta_moves_only_what_changed(world: World) -> None:
    name = world.machine('web', 8 * MIB, 4 * MIB)
    world.fill(name, 1, 2 * MIB, MIB)
    transfer = world.transfer(name)
    world.run(transfer, checksum=True)
    [first] = world.points(transfer)
    assert (first['mode'], first['reason']) == ('full', 'first copy')
    assert first['consistency'] == 'application'
    assert first['verification'] == 'full'
    assert first['bytes_sent'] == 3 * MIB
    assert world.written() == 3 * MIB
    world.check_same(first, name)
    for disk in first['disks']:
        assert disk['sha256'] == world.sha256_of_point(first, disk['disk_id'])

    before = len(world.destination.log())
    world.fill(name, 0, 5 * MIB, MIB)
    world.source.call(
        'test_zero', machine=name, disk='disk1', offset=0, length=MIB
    )
    world.run(transfer)
    second, old = world.points(transfer)
    assert old['id'] == first['id']
    assert second['mode'] == 'delta'
    assert second['reason'] == 'changed blocks since the last copy'
    assert second['bytes_changed'] == 2 * MIB
    assert second['bytes_sent'] == MIB
    assert world.written(before) == MIB
    assert world.written(before, 'zero') == MIB
    world.check_same(second, name)

    before = len(world.destination.log())
    world.run(transfer)
    assert world.points(transfer)[0]['bytes_changed'] == 0
    assert world.written(before) == 0


def test_a_disk_that_grew(world: World) -> None:
    name = world.machine('grows', 4 * MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    world.source.call(
        'test_change_disk', machine=name, disk='disk0', size=6 * MIB
    )
    world.fill(name, 0, 5 * MIB, MIB)
    world.run(transfer)
    point, _ = world.points(transfer)
    assert point['mode'] == 'delta'
    assert point['disks'][0]['size'] == 6 * MIB
    assert point['bytes_sent'] == MIB
    world.check_same(point, name)
    [volume] = world.destination.call('list_volumes')
    assert volume['size'] == 6 * MIB


def test_a_lost_checkpoint_means_full_and_says_so(world: World) -> None:
    name = world.machine('forgetful', 4 * MIB, 4 * MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    world.source.call(
        'test_change_disk', machine=name, disk='disk1', forget_checkpoints=True
    )
    world.fill(name, 0, 2 * MIB, MIB)
    world.run(transfer)
    point = world.points(transfer)[0]
    assert point['mode'] == 'full'
    assert 'the source lost the checkpoint of the last copy' in point['reason']
    by_disk = {d['disk_id']: d for d in point['disks']}
    assert by_disk['disk0']['mode'] == 'delta'
    assert by_disk['disk0']['bytes_changed'] == MIB
    assert by_disk['disk1']['mode'] == 'full'
    world.check_same(point, name)


def test_a_disk_without_tracking_is_always_full(world: World) -> None:
    name = 'raw'
    disks = [{'id': 'disk0', 'size': 4 * MIB, 'tracked': False}]
    world.source.call('test_make_machine', name=name, disks=disks)
    world.fill(name, 0, 0, MIB)
    transfer = world.transfer(name)
    found = world.client.transfers.preflight(transfer)
    assert found['passed'] is True
    assert 'disk_not_tracked' in [one['code'] for one in found['findings']]
    for _ in range(2):
        world.run(transfer)
        point = world.points(transfer)[0]
        assert point['mode'] == 'full'
        assert point['reason'] == 'this disk has no change tracking'
        world.check_same(point, name)


def test_a_guest_without_an_agent_is_crash_consistent(world: World) -> None:
    name = world.machine('mute', 4 * MIB, agent=False)
    transfer = world.transfer(name)
    world.run(transfer)
    [point] = world.points(transfer)
    assert point['consistency'] == 'crash'
    assert point['consistency_reason'] == 'the guest has no agent'


def test_a_destination_that_is_too_small(
    world: World, tmp_path: pathlib.Path
) -> None:
    with memory.started(tmp_path, 'small', capacity=3 * MIB) as small:
        made = world.client.endpoints.create(
            name='small', type='memory', connection_info=small.connection_info
        )
        name = world.machine('large', 4 * MIB)
        transfer = world.transfer(name, destination_endpoint_id=made['id'])
        found = world.client.transfers.preflight(transfer)
        assert found['passed'] is False
        [error] = [f for f in found['findings'] if f['severity'] == 'error']
        assert error['code'] == 'storage_full'
        assert error['instance'] == name
        done = world.run(transfer, 'ERROR')
        failed = task(done, 'VALIDATE_TRANSFER_INPUTS')
        assert failed['status'] == 'ERROR'
        assert '3.0 MiB are free' in failed['exception_details']
        assert small.left() == {}
        assert world.source.left() == {}
        assert world.points(transfer) == []
        world.client.transfers.delete(transfer)


def test_an_unknown_instance_fails_before_anything_is_made(
    world: World,
) -> None:
    transfer = world.transfer('nobody')
    found = world.client.transfers.preflight(transfer)
    assert found['passed'] is False
    assert found['findings'][0]['code'] == 'instance_not_found'
    done = world.run(transfer, 'ERROR')
    failed = task(done, 'GET_INSTANCE_INFO')
    assert 'nobody' in failed['exception_details']
    others = [t for t in done['tasks'] if t['id'] != failed['id']]
    assert {t['status'] for t in others} <= {'CANCELED', 'UNSCHEDULED'}
    assert world.source.log() == []
    assert world.destination.log() == []


def test_one_of_two_machines_fails(world: World) -> None:
    """The other one's recovery point stands, and the next run repairs."""
    good = world.machine('good', 4 * MIB)
    bad = world.machine('bad', 4 * MIB)
    world.source.call(
        'test_fail', call='make_snapshot', error='Unsupported', count=1
    )
    transfer = world.transfer(good, bad)
    done = world.run(transfer, 'ERROR')
    failed = [t for t in done['tasks'] if t['status'] == 'ERROR']
    assert [t['task_type'] for t in failed] == ['CREATE_SOURCE_SNAPSHOT']
    assert 'a planted fault' in failed[0]['exception_details']
    hit = failed[0]['instance']
    other = good if hit == bad else bad
    [point] = world.points(transfer)
    assert point['instance'] == other
    world.check_same(point, other)
    assert world.destination.left().keys() == {'volumes', 'volume_snapshots'}
    assert 'snapshots' not in world.source.left()

    world.run(transfer)
    assert len(world.points(transfer, instance=other)) == 2
    [repaired] = world.points(transfer, instance=hit)
    world.check_same(repaired, hit)


def test_names_of_all_kinds(world: World) -> None:
    names = ['a/b c', 'Žluťoučký kůň 馬', "\"; DROP TABLE '%s' <b>&amp;$1"]
    for name in names:
        world.machine(name, MIB)
    endpoint = world.endpoint('source')
    listed = world.client.endpoints.instances(endpoint)
    assert sorted(one['name'] for one in listed) == sorted(names)
    for name in names:
        shown = world.client.endpoints.instance(endpoint, name)
        assert shown['name'] == name
        assert [d['size_bytes'] for d in shown['devices']['disks']] == [MIB]
    transfer = world.transfer(*names)
    done = world.run(transfer)
    assert {one['instance'] for one in done['tasks']} == set(names), told(done)
    points = {p['instance']: p for p in world.points(transfer)}
    assert sorted(points) == sorted(names)
    for name, point in points.items():
        world.check_same(point, name)
    made = world.deploy(transfer, purpose='test')
    assert sorted(made['transfer_result']) == sorted(names)


def test_a_machine_may_have_many_small_changes(world: World) -> None:
    name = world.machine('busy', 4 * MIB)
    transfer = world.transfer(name)
    world.run(transfer)
    for offset in range(2 * MIB, 4 * MIB, 256 << 10):
        world.source.write(name, 'disk0', offset, b'x' * 512)
    done = world.run(transfer)
    point = world.points(transfer)[0]
    assert point['bytes_changed'] == 8 * (64 << 10)
    world.check_same(point, name)
    assert any('every chunk verified' in note for note in notes(done))


def tear(world: World, name: str, transfer: str) -> dict[str, Any]:
    """An execution that fails after its first segment was made durable."""
    world.fill(name, 0, 0, MIB)
    world.fill(name, 0, 130 * MIB, 8 * MIB)
    # A flush comes after five seconds, and the fault after more.
    world.destination.call('test_delay', call='write', seconds=1.2)
    world.destination.call(
        'test_fail', call='write', error='Unsupported', skip=7
    )
    failed = world.run(transfer, 'ERROR')
    world.destination.call('test_calm')
    return failed


def test_a_retry_goes_on_where_a_copy_failed(world: World) -> None:
    name = world.machine('torn', 140 * MIB)
    transfer = world.transfer(name)
    failed = tear(world, name, transfer)
    assert world.points(transfer) == []
    before = len(world.destination.log())
    assert world.written() >= 6 * MIB
    # The guest went on meanwhile, in what was copied and elsewhere.
    world.fill(name, 0, MIB // 2, MIB // 4)
    world.fill(name, 0, 64 * MIB, MIB)

    done = world.run(transfer, retry_of=failed['id'])
    assert done['retry_of'] == failed['id']
    [point] = world.points(transfer)
    world.check_same(point, name)
    assert any('compares 128 MiB' in note for note in notes(done))
    # All that is not in the segment that was durable, and the two of its
    # MiB in which the guest wrote: the first is sent whole.
    assert world.written(before) == 10 * MIB

    world.fill(name, 0, 0, MIB)
    world.run(transfer)
    point = world.points(transfer)[0]
    assert (point['mode'], point['bytes_sent']) == ('delta', MIB)
    world.check_same(point, name)


def test_an_unchanged_machine_is_not_sent_again(world: World) -> None:
    name = world.machine('torn', 140 * MIB)
    transfer = world.transfer(name)
    failed = tear(world, name, transfer)
    before = len(world.destination.log())
    world.run(transfer, retry_of=failed['id'])
    assert world.written(before) == 8 * MIB
    world.check_same(world.points(transfer)[0], name)


def test_what_cannot_be_retried(world: World) -> None:
    name = world.machine('web', MIB)
    transfer = world.transfer(name)
    done = world.run(transfer)
    for execution, status, field, reason in (
        (done['id'], 409, '', 'did not fail'),
        (new_id(), 400, '$.execution.retry_of', 'has no execution'),
    ):
        with pytest.raises(ApiError) as caught:
            world.start(transfer, retry_of=execution)
        assert (caught.value.status, caught.value.field) == (status, field)
        assert reason in caught.value.message


def test_a_transfer_that_tries_again_by_itself(world: World) -> None:
    name = world.machine('again', 2 * MIB)
    transfer = world.transfer(name, execution_retries=1)
    world.destination.call('test_fail', call='write', error='Unsupported')
    failed = world.run(transfer, 'ERROR')
    again = wait_until(
        lambda: [
            one
            for one in world.client.executions.of(transfer).list()
            if one['retry_of'] == failed['id']
        ],
        'another execution',
    )
    done = world.ended(transfer, again[0]['id'])
    assert done['status'] == 'COMPLETED', told(done)
    world.check_same(world.points(transfer)[0], name)


def powers(world: World) -> list[str]:
    """What was done to machines at the source, in order."""
    return [
        line['op']
        for line in world.source.log()
        if line['op'] in ('start', 'stop')
    ]


def power(world: World, name: str) -> str:
    found = world.source.call('get_machine', name=name)
    return str(found['power'])


def test_a_source_runs_again_when_its_last_copy_failed(
    world: World,
) -> None:
    name = world.machine('wanted', 2 * MIB)
    transfer = world.transfer(name, scenario='live_migration')
    # The first snapshot is that of the running machine.
    world.destination.call(
        'test_fail', call='make_volume_snapshot', error='Unsupported', skip=1
    )
    failed = world.run(transfer, 'ERROR')
    assert powers(world) == ['stop', 'start']
    assert power(world, name) == 'on'
    assert any('runs again' in note for note in notes(failed)), told(failed)
    assert len(world.points(transfer)) == 1


def test_one_that_is_off_and_was_not_deployed_is_told_of(
    world: World,
) -> None:
    good, bad = world.machine('good', MIB), world.machine('bad', MIB)
    transfer = world.transfer(good, bad, scenario='live_migration')
    world.source.call('test_slow_stop', machine=bad, seconds=8)
    execution = world.start(transfer)
    executions = world.client.executions.of(transfer)
    wait_until(lambda: world.points(transfer, instance=good), 'a point')
    wait_until(
        lambda: (
            power(world, good) == 'off'
            and len(world.points(transfer, instance=good)) == 2
        ),
        'the last point of the good one',
    )
    world.client.executions.cancel(transfer, execution)
    done = world.ended(transfer, execution)
    assert done['status'] == 'CANCELED', told(done)
    assert executions.get(execution)['status'] == 'CANCELED'
    assert (power(world, good), power(world, bad)) == ('off', 'on')
    [said] = {note for note in notes(done) if 'was not deployed' in note}
    assert said.startswith(f'{good} is off')
    assert transfer in said


def test_a_source_that_was_off_or_is_done_with_stays_off(
    world: World,
) -> None:
    name = world.machine('calm', MIB)
    transfer = world.transfer(name)
    world.run(transfer, shutdown_instances=True)
    assert power(world, name) == 'off'
    world.destination.call(
        'test_fail', call='make_volume_snapshot', error='Unsupported'
    )
    world.run(transfer, 'ERROR', shutdown_instances=True)
    assert power(world, name) == 'off'
    assert 'start' not in powers(world)


def test_a_source_that_was_about_to_go_off_runs_again(world: World) -> None:
    name = world.machine('slow', MIB)
    transfer = world.transfer(name)
    world.source.call('test_slow_stop', machine=name, seconds=12)
    execution = world.start(transfer, shutdown_instances=True)
    wait_until(
        lambda: 'ask' in [line['op'] for line in world.source.log()],
        'a guest that was asked to shut down',
    )
    world.client.executions.cancel(transfer, execution)
    done = world.ended(transfer, execution)
    assert done['status'] == 'CANCELED', told(done)
    assert task(done, 'SHUTDOWN_INSTANCE')['status'] == 'CANCELED'
    assert powers(world) == ['stop', 'start']
    assert power(world, name) == 'on'
    assert any('runs again' in note for note in notes(done)), told(done)


def test_a_source_that_its_owner_switched_off_stays_off(world: World) -> None:
    name = world.machine('owned', MIB)
    transfer = world.transfer(name)
    world.destination.call('test_fail', call='write', error='Unsupported')
    # Between the first look at it and the moment in which it is shut down.
    world.destination.call('test_delay', call='make_volume', seconds=5)
    execution = world.start(transfer, shutdown_instances=True)
    executions = world.client.executions.of(transfer)

    def volumes_are_made() -> bool:
        found = task(executions.get(execution), 'DEPLOY_TRANSFER_DISKS')
        return bool(found['status'] == 'RUNNING')

    wait_until(volumes_are_made, 'the volumes being made')
    world.source.call('stop_machine', name=name)
    failed = world.ended(transfer, execution)
    assert failed['status'] == 'ERROR', told(failed)
    assert task(failed, 'START_INSTANCE')['status'] == 'COMPLETED'
    assert power(world, name) == 'off'
    assert 'start' not in powers(world)


def test_a_source_that_cannot_be_started_is_told_of(world: World) -> None:
    name = world.machine('lost', MIB)
    transfer = world.transfer(name)
    world.destination.call('test_fail', call='write', error='Unsupported')
    world.source.call('test_fail', call='start_machine', error='Unsupported')
    failed = world.run(transfer, 'ERROR', shutdown_instances=True)
    assert power(world, name) == 'off'
    assert any('Start it by hand' in note for note in notes(failed))
