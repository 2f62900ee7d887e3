# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime

from coriolis_ng.db import api as rows
from coriolis_ng.objects import new_id
from coriolis_ng.objects.recovery_point import Copied, RecoveryPoint
from coriolis_ng.objects.replica import Replica, ReplicaDisk
from coriolis_ng.objects.snapshot import Consistency, Mode
from coriolis_ng.objects.volume import Volume, VolumeSnapshot
from tests.unit.api.conftest import Client, Made, World
from tests.unit.api.scripted import GUEST


def points(world: World, made: Made, count: int) -> list[str]:
    """Recovery points of vm1, one an hour; their ids, newest first."""
    transfer_id = made.transfer['id']
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    several = [
        RecoveryPoint(
            id=new_id(),
            transfer_id=transfer_id,
            instance='vm1',
            execution_id='e',
            created_at=noon + datetime.timedelta(hours=hours),
            vm=GUEST,
            disks=(
                VolumeSnapshot(
                    id=f's{hours}', disk_id='vda', volume_id='v', size=2**31
                ),
            ),
            consistency=Consistency.APPLICATION,
            mode=Mode.DELTA,
            reason='bitmap of the point before',
            copied=(
                Copied(
                    disk_id='vda',
                    mode=Mode.DELTA,
                    changed=100,
                    read=90,
                    sent=80,
                    written=70,
                    seconds=1.5,
                    sha256='ab',
                ),
            ),
        )
        for hours in range(count)
    ]
    after = Replica(
        transfer_id=transfer_id,
        instance='vm1',
        vm=GUEST,
        disks=(
            ReplicaDisk(
                disk_id='vda',
                volume=Volume(id='v', disk_id='vda', size=2**31),
            ),
        ),
        points=tuple(reversed(several)),
    )
    before = Replica(transfer_id=transfer_id, instance='vm1')
    world.database.write(lambda s: rows.replicas.save(s, before, after))
    return [point.id for point in after.points]


def test_list_and_show(world: World, client: Client, made: Made) -> None:
    ids = points(world, made, 3)
    url = f'/transfers/{made.transfer["id"]}/recovery_points'
    listed = client.get(url)['recovery_points']
    assert [one['id'] for one in listed] == ids
    page = client.get(f'{url}?limit=1&marker={ids[0]}&instance=vm1')
    assert [one['id'] for one in page['recovery_points']] == [ids[1]]
    assert client.get(f'{url}?instance=x') == {'recovery_points': []}
    shown = client.get(f'/recovery_points/{ids[0]}')['recovery_point']
    assert shown == listed[0]
    assert shown['created_at'] == '2026-01-01T14:00:00.000000'
    assert (shown['mode'], shown['consistency']) == ('delta', 'application')
    figures = [
        shown[f'bytes_{n}'] for n in ('changed', 'read', 'sent', 'written')
    ]
    assert figures == [100, 90, 80, 70]
    (disk,) = shown['disks']
    assert (disk['snapshot_id'], disk['sha256']) == ('s2', 'ab')


def test_pin_and_unpin(world: World, client: Client, made: Made) -> None:
    (id,) = points(world, made, 1)
    url = f'/recovery_points/{id}'
    for action, pinned in (('pin', True), ('unpin', False)):
        answer = client.post(f'{url}/actions', {action: None})
        assert answer['recovery_point']['pinned'] is pinned
        assert client.get(url)['recovery_point']['pinned'] is pinned


def test_delete_starts_an_execution(
    world: World, client: Client, made: Made
) -> None:
    (id,) = points(world, made, 1)
    client.delete(f'/recovery_points/{id}')
    url = f'/transfers/{made.transfer["id"]}/executions'
    (one,) = client.get(url)['executions']
    assert one['type'] == 'recovery_points_delete'


def test_info_of_a_transfer(world: World, client: Client, made: Made) -> None:
    points(world, made, 1)
    url = f'/transfers/{made.transfer["id"]}'
    assert 'info' not in client.get(url)['transfer']
    for value in ('true', 'True', '1'):
        info = client.get(f'{url}?include_task_info={value}')['transfer']
        vm = info['info']['vm1']
        assert vm['volumes_info'][0]['volume_id'] == 'v'
        assert vm['export_info']['devices']['disks'][0]['id'] == 'vda'
