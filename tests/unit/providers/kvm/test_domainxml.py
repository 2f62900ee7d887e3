# SPDX-License-Identifier: Apache-2.0
"""What is read out of libvirt's descriptions, and what is written."""

import pytest

from coriolis_ng.objects.vm import Firmware, Power
from coriolis_ng.providers.kvm import build, connection, domainxml

DOMAIN = """<domain type='kvm'>
<name>web 1</name><uuid>004b96e1-2d78-c30f-5aa5-f03c87d21e69</uuid>
<memory unit='KiB'>2097152</memory><vcpu current='2'>8</vcpu>
{metadata}
<os{firmware}><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>{loader}</os>
<features><acpi/>{features}</features>
<devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
 <source file='/p/a.qcow2'/><target dev='vda' bus='virtio'/></disk>
<disk type='block' device='disk'><driver name='qemu' type='raw'/>
 <source dev='/dev/sdx'/><target dev='sda' bus='scsi'/><shareable/></disk>
<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>
 <source pool='fast' volume='c'/><target dev='vdb' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>
<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>
<disk type='block' device='lun'><source dev='/dev/sdy'/>
 <target dev='sdc' bus='scsi'/></disk>
<interface type='network'><mac address='52:54:00:00:00:01'/>
 <source network='lan' portid='x'/><model type='virtio'/></interface>
<interface type='bridge'><mac address='52:54:00:00:00:02'/>
 <source bridge='br0'/></interface>
{channel}
</devices></domain>"""


def root(
    metadata='', firmware='', loader='', features='', channel=''
):  # each a piece of XML
    return connection.parse(
        DOMAIN.format(
            metadata=metadata,
            firmware=firmware,
            loader=loader,
            features=features,
            channel=channel,
        )
    )


def test_hard_disks_only():
    found = list(domainxml.disks(root()))
    assert [(d.target, d.path, d.format, d.bus) for d in found] == [
        ('vda', '/p/a.qcow2', 'qcow2', 'virtio'),
        ('sda', '/dev/sdx', 'raw', 'scsi'),
        ('vdb', 'fast/c', 'qcow2', 'virtio'),
    ]
    assert [d.shareable for d in found] == [False, True, False]
    assert domainxml.passed_through(root()) == ['sdc']


def test_what_cannot_be_tracked():
    vda, sda, _ = domainxml.disks(root())
    assert domainxml.untracked(vda, 3) == ''
    assert domainxml.untracked(vda, None) == ''
    assert 'version 2' in domainxml.untracked(vda, 2)
    assert 'raw' in domainxml.untracked(sda, None)


def test_the_machine():
    vm = domainxml.machine(root(), (), Power.ON)
    assert (vm.name, vm.cpus, vm.memory, vm.machine) == (
        'web 1',
        2,
        2 << 30,
        'pc-q35-7.2',
    )
    assert [(n.mac, n.network, n.model) for n in vm.nics] == [
        ('52:54:00:00:00:01', 'lan', 'virtio'),
        ('52:54:00:00:00:02', 'br0', 'rtl8139'),
    ]
    assert not vm.guest_agent


def test_guest_agent():
    channel = (
        "<channel type='unix'><target type='virtio' "
        "name='org.qemu.guest_agent.0'/></channel>"
    )
    assert domainxml.has_agent(root(channel=channel))


@pytest.mark.parametrize(
    ('pieces', 'expected'),
    [
        ({}, (Firmware.BIOS, False)),
        ({'firmware': " firmware='efi'"}, (Firmware.EFI, False)),
        (
            {'loader': "<loader type='pflash' secure='yes'>/x</loader>"},
            (Firmware.EFI, True),
        ),
        ({'loader': "<loader type='rom'>/x</loader>"}, (Firmware.BIOS, False)),
    ],
)
def test_firmware(pieces, expected):
    assert domainxml.firmware(root(**pieces)) == expected


def test_windows_is_known_by_its_maker_or_its_hints():
    info = (
        '<metadata><i:libosinfo xmlns:i="http://x"><i:os '
        'id="http://microsoft.com/win/2k19"/></i:libosinfo></metadata>'
    )
    assert domainxml.os_type(root()) == 'linux'
    assert domainxml.os_type(root(metadata=info)) == 'windows'
    assert domainxml.os_type(root(features='<hyperv/>')) == 'windows'


def new(**changes):
    given = {
        'name': 'a & <b>',
        'uuid': '004b96e1-2d78-c30f-5aa5-f03c87d21e69',
        'tag': 'coriolis:e:t',
        'role': 'machine',
        'cpus': 3,
        'memory': 1 << 30,
        'domain_type': 'qemu',
        'machine': 'q35',
        'cpu_mode': 'maximum',
        'disks': (
            build.NewDisk(path='/p/x', target='vda', serial='cng-vda'),
            build.NewDisk(path='/p/y', target='vdb'),
        ),
        'nics': (build.NewNic(mac='52:54:00:00:00:01', network='lan'),),
    }
    return build.NewDomain(**{**given, **changes})


def test_what_is_written_is_read_back():
    made = connection.parse(build.xml(new(agent=True, firmware=Firmware.EFI)))
    vm = domainxml.machine(made, (), Power.OFF)
    assert (vm.name, vm.cpus, vm.memory) == ('a & <b>', 3, 1 << 30)
    assert (vm.firmware, vm.secure_boot) == (Firmware.EFI, False)
    assert vm.guest_agent
    assert vm.nics[0].network == 'lan'
    assert domainxml.tag_of(made) == ('coriolis:e:t', 'machine')
    assert [d.target for d in domainxml.disks(made)] == ['vda', 'vdb']
    assert made.findtext('./devices/disk/serial') == 'cng-vda'
    assert [e.get('order') for e in made.findall('.//boot')] == ['1']


def test_somebody_elses_machine_has_no_tag():
    assert domainxml.tag_of(root()) == ('', '')


def test_a_cable_that_is_not_plugged_in():
    nic = build.NewNic(mac='52:54:00:00:00:01', network='br0', bridge=True)
    made = connection.parse(build.xml(new(nics=(nic,))))
    assert made.find('.//interface').get('type') == 'bridge'
    assert made.find('.//interface/source').attrib == {'bridge': 'br0'}


def test_serials_fit_virtio():
    ids = ['vda', 'vdz', 'a' * 64, 'disk/with:odd é', '2000', 'sd a']
    serials = [build.serial_of(id) for id in ids]
    assert serials[0] == 'cng-vda'
    assert len(set(serials)) == len(ids)
    assert all(len(s) <= 20 and s.isascii() for s in serials)


@pytest.mark.parametrize(
    ('bus', 'index', 'expected'),
    [
        ('virtio', 0, 'vda'),
        ('virtio', 25, 'vdz'),
        ('virtio', 26, 'vdaa'),
        ('sata', 1, 'sdb'),
    ],
)
def test_target_names(bus, index, expected):
    assert build.target_name(bus, index) == expected
