# SPDX-License-Identifier: Apache-2.0
"""KVM passes the suites of providers, on a libvirtd of its own."""

from __future__ import annotations

import pytest

from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.providers import registry, testing
from coriolis_ng.providers.kvm.provider import Provider
from tests.beds import libvirt as bed
from tests.integration.kvm.tiny import Tiny


@pytest.fixture(scope='module')
def libvirtd():
    with bed.Cloud('conform') as running:
        yield running


class SourceBed:
    vm_name = 'tiny'

    def __init__(self, running: bed.Cloud) -> None:
        self.connection = registry.connect(
            Provider(['/']), {'uri': running.uri}
        )
        self.options = {'scratch_dir': str(running.base / 's')}
        self.tiny = Tiny(running, self.vm_name)

    def guest_write(self, disk_id: str, offset: int, data: bytes) -> None:
        self.tiny.write(disk_id, offset, data)


class TargetBed:
    def __init__(self, running: bed.Cloud) -> None:
        self.connection = registry.connect(
            Provider(['/']), {'uri': running.uri}
        )
        self.options = {'worker_image': 'none.qcow2'}
        self.vm = Vm(
            id='v',
            name='v',
            cpus=1,
            memory=1 << 28,
            disks=(
                Disk(id='vda', size=3 << 20),
                Disk(id='vdb', size=(1 << 20) + 512),
            ),
        )


class TestKvmExports(testing.ExportsConformance):
    @pytest.fixture
    def cloud(self, libvirtd):
        source = SourceBed(libvirtd)
        source.tiny.start()
        yield source
        source.tiny.remove()
        source.connection.close()


class TestKvmImports(testing.ImportsConformance):
    @pytest.fixture
    def cloud(self, libvirtd):
        target = TargetBed(libvirtd)
        yield target
        target.connection.close()
        assert libvirtd.leftovers()['volumes'] == []
