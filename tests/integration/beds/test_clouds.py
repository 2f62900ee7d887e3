# SPDX-License-Identifier: Apache-2.0
"""The two KVM clouds and their machines: what they promise to other tests."""

import pathlib
import re

import libvirt
import pytest

from tests.beds import guest, images, process, seed
from tests.beds import libvirt as bed

Pair = tuple[bed.Cloud, bed.Cloud]


def test_clouds_do_not_see_each_other(kvm_clouds: Pair) -> None:
    source, destination = kvm_clouds
    with source.connection() as here, destination.connection() as there:
        network = here.networkLookupByName('default')
        other = there.networkLookupByName('default')
        assert network.isActive() == other.isActive() == 1
        assert network.UUID() != other.UUID()
        assert network.bridgeName() != other.bridgeName()
        here.defineXML(
            "<domain type='qemu'><name>only-here</name>"
            "<memory unit='MiB'>64</memory>"
            "<os><type arch='x86_64'>hvm</type></os></domain>"
        )
        try:
            assert source.leftovers()['machines'] == ['only-here']
            assert destination.leftovers()['machines'] == []
        finally:
            here.lookupByName('only-here').undefine()


def test_one_control_plane_stops_without_the_other(kvm_clouds: Pair) -> None:
    source, destination = kvm_clouds
    pid = source.daemon_pid
    source.stop_daemon()
    try:
        assert not process.alive(pid)
        with pytest.raises(libvirt.libvirtError):
            source.connect()
        with destination.connection() as there:
            assert there.networkLookupByName('default').isActive()
    finally:
        source.start_daemon()
    with source.connection() as here:
        assert here.networkLookupByName('default').isActive()
        assert here.storagePoolLookupByName('default').isActive()


@pytest.mark.guest
@pytest.mark.timeout(900)
def test_machines_boot(kvm_clouds: Pair) -> None:
    """The guest writes all the time; the worker takes its seed."""
    source, destination = kvm_clouds
    iso = seed.make(
        destination.base / 'seed.iso',
        'write_files:\n  - {path: /etc/seeded, content: "yes"}\n',
    )
    web = guest.Guest(source, 'web')
    worker = guest.Guest(
        destination, 'worker', images.worker(), seed=iso, memory_mib=512
    )
    try:
        web.wait_for_agent()
        web.wait_for_ssh()
        first = _last_line(web)
        source.stop_daemon()
        source.start_daemon()
        assert _last_line(web) > first
        assert web.run('findmnt -no SOURCE /').strip() == '/dev/vda1'
        assert web.run('findmnt -no SOURCE /data').strip() == '/dev/vdb'
        worker.wait_for_ssh()
        assert worker.run('cat /etc/seeded') == 'yes'
        assert worker.run('python3 -c "import ssl; print(ssl.PROTOCOL_TLS)"')
        # What a machine prints while it starts is kept for the reader.
        assert re.search(r'\S', pathlib.Path(web.serial).read_text())
    finally:
        web.remove()
        worker.remove()
    assert source.leftovers()['machines'] == []
    assert source.leftovers()['volumes'] == []


def _last_line(machine: guest.Guest) -> int:
    """The number of the last line that reached the data disk."""
    return int(machine.run('tail -n 1 /data/ticker.log').split()[0])
