# SPDX-License-Identifier: Apache-2.0
"""KVM passes the suites of providers, on a libvirtd of its own."""

from __future__ import annotations

import json
import time

import pytest

from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.providers import pooltesting, registry, testing
from coriolis_ng.providers.kvm import build, qcow2
from coriolis_ng.providers.kvm.provider import Provider
from tests.beds import images
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


class PoolBed(TargetBed):
    """Its machines boot from an empty disk: they are on, and that is all.
    Instead of them the bed asks for the address."""

    def __init__(self, running: bed.Cloud) -> None:
        super().__init__(running)
        image = running.base / 'pools/default/empty.qcow2'
        qcow2.create(image, 1 << 20)
        self.pool_options = {
            'worker_image': str(image),
            'worker_memory': 256,
            'worker_timeout_seconds': 30,
            'domain_type': running.virt_type,
        }
        lease(running, f'coriolis:{testing.EXECUTION}:pool')


def lease(running: bed.Cloud, tag: str) -> None:
    """As dnsmasq tells libvirt of it."""
    with running.connection() as conn:
        network = conn.networkLookupByName('default')
        bridge = network.bridgeName()
    told = {
        'ip-address': '192.0.2.7',
        'mac-address': build.mac_of(tag),
        'expiry-time': int(time.time()) + 3600,
    }
    path = running.base / 'lib/dnsmasq' / f'{bridge}.status'
    path.write_text(json.dumps([told]))


class GuestBed(TargetBed):
    seconds = 600

    def __init__(self, running: bed.Cloud) -> None:
        super().__init__(running)
        self.pool_options = {
            'worker_image': str(images.worker().root),
            'domain_type': running.virt_type,
        }


class TestKvmPools(pooltesting.PoolsConformance):
    @pytest.fixture
    def cloud(self, libvirtd):
        made = PoolBed(libvirtd)
        yield made
        made.connection.close()
        left = libvirtd.leftovers()
        assert left['machines'] == []
        assert left['volumes'] == ['default/empty.qcow2']
        (libvirtd.base / 'pools' / left['volumes'][0]).unlink()


@pytest.mark.guest
@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(1500)
class TestKvmPoolLogins(pooltesting.PoolLoginsConformance):
    @pytest.fixture
    def cloud(self, libvirtd):
        made = GuestBed(libvirtd)
        yield made
        made.connection.close()
        left = libvirtd.leftovers()
        assert left['machines'] == []
        assert left['volumes'] == []
