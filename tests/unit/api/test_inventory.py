# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io

from coriolis_ng.api.views.inventory import COLUMNS, table
from coriolis_ng.objects.vm import Disk, Nic, Vm
from tests.unit.api.conftest import Client, Made


def test_a_line_for_each_machine_by_id() -> None:
    machines = [
        Vm(
            id='2',
            name='=HYPERLINK("x")',
            cpus=2,
            memory=2**30,
            disks=(
                Disk(id='a', size=5, backend='ssd'),
                Disk(id='b', size=7, backend='ssd'),
            ),
            nics=(
                Nic(mac='m1', network='lan', ip_addresses=('1', '2')),
                Nic(mac='m2', network='lan'),
            ),
        ),
        Vm(id='1', name='a,"b"\nc', cpus=1, memory=2**20),
    ]
    first, second = csv.DictReader(io.StringIO(table(machines), newline=''))
    assert first['name'] == 'a,"b"\nc'
    assert (first['disk_count'], first['disks']) == ('0', '')
    assert second['name'] == '\'=HYPERLINK("x")'
    assert second['memory_mb'] == '1024'
    assert second['disks'] == 'a=5;b=7'
    assert second['disk_size_bytes'] == '12'
    assert second['storage_backends'] == 'ssd'
    assert second['mac_addresses'] == 'm1;m2'
    assert second['networks'] == 'lan'
    assert second['ip_addresses'] == '1;2'
    assert list(first) == list(COLUMNS)


def test_an_empty_cloud_has_a_header() -> None:
    assert table([]) == ','.join(COLUMNS) + '\r\n'


def test_who_wants_json_gets_a_string(client: Client, made: Made) -> None:
    url = f'/endpoints/{made.origin["id"]}/inventory'
    answer = client.call('GET', url, status=200)
    assert answer.content_type == 'text/csv'
    assert answer.text.startswith('id,name,')
