# SPDX-License-Identifier: Apache-2.0
"""The memory cloud passes the suites that it is the model for."""

from __future__ import annotations

import pytest

from coriolis_ng import errors
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.providers import pooltesting, powertesting, registry, testing
from coriolis_ng.providers.memory.provider import Provider
from tests.beds import memory


class Bed:
    options: dict = {}
    vm_name = 'web 1'

    def __init__(self, cloud: memory.MemoryCloud) -> None:
        self.cloud = cloud
        self.connection = registry.connect(Provider(), cloud.connection_info)
        self.vm = Vm(
            id='v',
            name='v',
            cpus=1,
            memory=1 << 28,
            disks=(
                Disk(id='disk0', size=3 << 20),
                Disk(id='disk1', size=(1 << 20) + 512),
            ),
        )

    def guest_write(self, disk_id: str, offset: int, data: bytes) -> None:
        self.cloud.write(self.vm_name, disk_id, offset, data)

    def slow_stop(self, seconds: float) -> None:
        self.cloud.call(
            'test_slow_stop', machine=self.vm_name, seconds=seconds
        )


@pytest.fixture
def cloud(tmp_path):
    with memory.started(tmp_path) as running:
        running.make_machine('web 1', 4 << 20, (8 << 20) + 1536)
        running.write('web 1', 'disk0', 4096, b'root' * 5000)
        bed = Bed(running)
        yield bed
        bed.connection.close()


class TestMemoryExports(
    testing.ExportsConformance, powertesting.PowerConformance
):
    pass


class TestMemoryImports(
    testing.ImportsConformance, testing.DirectWritesConformance
):
    pass


class TestMemoryPools(pooltesting.PoolsConformance):
    pass


def test_a_wrong_password_is_said(cloud):
    info = cloud.cloud.connection_info | {'password': 'wrong'}
    with pytest.raises(errors.AuthFailed, match='password'):
        registry.connect(Provider(), info).ping()


def test_a_missing_field_is_named():
    with pytest.raises(errors.InvalidInput, match="'password'") as caught:
        registry.connect(Provider(), {'port': 1})
    assert caught.value.field == '$.connection_info'


def test_a_full_cloud_is_said_before_anything_is_made(tmp_path):
    with memory.started(tmp_path, capacity=1 << 20) as small:
        bed = Bed(small)
        findings = bed.connection.imports.preflight(bed.vm, None, {})
        assert [f.code for f in findings] == ['storage_full']
        with pytest.raises(errors.QuotaExceeded):
            watch = testing.RecordingWatch('coriolis:e:t', 'target')
            bed.connection.imports.make_volumes(
                bed.vm,
                testing.Volumes(),
                testing.StorageMappings(),
                options={},
                watch=watch,
            )
