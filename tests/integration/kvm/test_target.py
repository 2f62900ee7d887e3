# SPDX-License-Identifier: Apache-2.0
"""A destination's volumes, points and machines, without a guest's system."""

import pathlib

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.objects.minion import MinionKeys, Purpose
from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.objects.transfer import DiskMapping, StorageMappings
from coriolis_ng.objects.vm import Disk, Firmware, Nic, Vm
from coriolis_ng.objects.volume import ClonedVolumes, Volumes
from coriolis_ng.providers import testing
from coriolis_ng.providers.kvm import connection as connection_module
from coriolis_ng.providers.kvm import qcow2
from coriolis_ng.remote.keys import make_keypair
from tests.integration.kvm.tiny import content, run

MIB = 1 << 20


@pytest.fixture
def imports(connection):
    return connection.imports


@pytest.fixture
def options(libvirtd):
    return {
        'worker_image': '/nowhere/worker.qcow2',
        'domain_type': libvirtd.virt_type,
    }


@pytest.fixture
def vm():
    return Vm(
        id='11111111-1111-4111-8111-111111111111',
        name='web 1 ü/x',
        cpus=2,
        memory=128 * MIB,
        disks=(
            Disk(id='vda', size=4 * MIB),
            Disk(id='vdb', size=2 * MIB + 512, bus='sata'),
        ),
        nics=(
            Nic(mac='52:54:00:aa:bb:01', network='lan'),
            Nic(mac='52:54:00:aa:bb:02', network='dmz'),
        ),
    )


@pytest.fixture
def watch(imports, libvirtd):
    made = testing.RecordingWatch('coriolis:target:one', Side.TARGET)
    yield made
    order = [ResourceKind.VM, ResourceKind.PORT]
    for row in sorted(
        made.resources, key=lambda r: (r.kind not in order, r.kind)
    ):
        imports.drop(row)
        imports.drop(row)
    assert imports.list_tagged(made.tag) == []
    assert libvirtd.leftovers()['volumes'] == []
    assert libvirtd.leftovers()['machines'] == []


@pytest.fixture
def make(imports, vm, options, watch):
    def volumes(existing=(), of=vm, storage=None):
        return imports.make_volumes(
            of,
            Volumes(items=tuple(existing)),
            storage or StorageMappings(),
            options=options,
            watch=watch,
        )

    return volumes


def path_of(libvirtd, volume):
    return libvirtd.base / 'pools' / volume.id


def grown(vm, size):
    disks = tuple(
        msgspec.structs.replace(d, size=size if d.id == 'vda' else d.size)
        for d in vm.disks
    )
    return msgspec.structs.replace(vm, disks=disks)


def test_fresh_volumes_have_the_disks_sizes(make, libvirtd):
    volumes = make().items
    assert [(v.disk_id, v.size, v.zeroed, v.fresh) for v in volumes] == [
        ('vda', 4 * MIB, True, True),
        ('vdb', 2 * MIB + 512, True, True),
    ]
    header = qcow2.find_header(path_of(libvirtd, volumes[1]))
    assert header.size == 2 * MIB + 512


def test_an_adopted_volume_that_was_written_is_not_zeroed(make, libvirtd):
    first = make().items[0]
    run('qemu-io', '-c', 'write -q 0 64k', path_of(libvirtd, first))
    again = make().items[0]
    assert (again.id, again.zeroed, again.fresh) == (first.id, False, True)


def test_a_volume_grows_with_its_disk(make, vm, libvirtd):
    first = make().items
    again = make(first, of=grown(vm, 8 * MIB)).items
    assert again[0].id == first[0].id
    assert again[0].size == 8 * MIB
    assert not again[0].fresh
    assert qcow2.find_header(path_of(libvirtd, first[0])).size == 8 * MIB


def test_a_volume_of_a_disk_that_shrank_is_made_anew(make, vm, watch):
    first = make().items
    watch.tag = 'coriolis:target:two'
    again = make(first, of=grown(vm, 1 * MIB)).items
    assert again[0].id != first[0].id
    assert again[0].fresh
    assert again[1].id == first[1].id


def test_a_volume_that_is_gone_is_made_anew(make, libvirtd, watch):
    first = make().items
    path_of(libvirtd, first[1]).unlink()
    again = make(first).items
    assert [v.fresh for v in again] == [False, True]
    assert any('gone' in note for note in watch.notes)


def test_disks_go_where_the_mapping_says(make, libvirtd, imports, watch):
    libvirtd.add_pool('other')
    storage = StorageMappings(
        disk_mappings=(DiskMapping(disk_id='vdb', destination='other'),)
    )
    volumes = make(storage=storage).items
    assert [v.storage for v in volumes] == ['default', 'other']
    assert path_of(libvirtd, volumes[1]).exists()


def test_an_unknown_pool_is_not_found(make):
    with pytest.raises(errors.NotFound, match="'nowhere'"):
        make(storage=StorageMappings(default='nowhere'))


def test_release_puts_the_volumes_back(
    make, imports, watch, libvirtd, tmp_path
):
    volumes = make()
    path = path_of(libvirtd, volumes.of('vda'))
    run('qemu-io', '-c', 'write -q -P 1 0 64k', path)
    points = imports.make_snapshots(volumes, watch=watch)
    run('qemu-io', '-c', 'write -q -P 2 0 64k', path)
    released = imports.release(points, volumes, watch=watch)
    assert isinstance(released, ClonedVolumes)
    assert [v.id for v in released.items] == [v.id for v in volumes.items]
    assert content(path, 'qcow2', tmp_path / 'raw')[0] == 1


def test_a_machine_as_described(make, imports, vm, options, watch, libvirtd):
    volumes = make()
    # Nothing to boot: the firmware waits for ever, and the machine is on.
    points = imports.make_snapshots(volumes, watch=watch)
    clones = imports.make_clones(points, options=options, watch=watch)
    made = imports.make_vm(
        vm,
        clones,
        name='new web 1',
        network_map={'lan': 'default', 'dmz': {'network': 'default'}},
        isolated=False,
        options=options,
        watch=watch,
    )
    assert (made.name, made.cpus, made.memory) == (
        'new web 1',
        2,
        128 * MIB,
    )
    assert [(n.mac, n.network) for n in made.nics] == [
        ('52:54:00:aa:bb:01', 'default'),
        ('52:54:00:aa:bb:02', 'default'),
    ]
    assert [(d.id, d.bus, d.size) for d in made.disks] == [
        ('vda', 'virtio', 4 * MIB),
        ('vdb', 'virtio', 2 * MIB + 512),
    ]
    assert str(made.power) == 'on'
    # It stands on the point, which therefore cannot go before it.
    point = next(
        r for r in watch.resources if r.kind is ResourceKind.VOLUME_SNAPSHOT
    )
    with pytest.raises(errors.Conflict):
        imports.drop(point)


def test_an_isolated_machine_has_a_network_of_its_own(
    make, imports, connection, vm, options, watch
):
    clones = imports.make_clones(
        imports.make_snapshots(make(), watch=watch),
        options=options,
        watch=watch,
    )
    made = imports.make_vm(
        vm,
        clones,
        name='test',
        network_map={},
        isolated=True,
        options=options,
        watch=watch,
    )
    names = {nic.network for nic in made.nics}
    assert len(names) == 1
    name = names.pop()
    assert name.startswith('coriolis-')
    found = {n.name for n in connection.inventory.list_networks()}
    assert name in found
    imports.drop(next(r for r in watch.resources if r.kind == 'vm'))
    found = {n.name for n in connection.inventory.list_networks()}
    assert found == {'default'}


def test_the_log_of_a_machine_goes_with_its_first_volume(
    make, imports, options, watch, vm, libvirtd
):
    clones = imports.make_clones(
        imports.make_snapshots(make(), watch=watch),
        options=options,
        watch=watch,
    )
    made = imports.make_vm(
        vm,
        clones,
        name='off',
        network_map={},
        isolated=True,
        options=options,
        watch=watch,
    )
    conn = libvirtd.connect()
    domain = conn.lookupByUUIDString(made.id)
    log = connection_module.parse(domain.XMLDesc()).find('.//serial/log')
    path = pathlib.Path(log.get('file'))
    assert path.exists()
    # Somebody else removes the machine; its log stays.
    domain.destroy()
    domain.undefine()
    conn.close()
    imports.drop(next(r for r in watch.resources if r.kind == 'vm'))
    assert path.exists()
    volume = clones.items[0]
    row = next(r for r in watch.resources if r.id == volume.id)
    imports.drop(row)
    assert not path.exists()


def test_the_log_of_a_worker_vm_goes_without_the_vm(
    imports, options, watch, libvirtd, tmp_path
):
    image = tmp_path / 'empty.qcow2'
    run('qemu-img', 'create', '-q', '-f', 'qcow2', image, '1M')
    options |= {'worker_image': str(image), 'worker_timeout_seconds': 1}
    _, user = make_keypair('user')
    host, _ = make_keypair()
    with pytest.raises(errors.Conflict, match='got no address'):
        imports.make_minion(
            (),
            Purpose.WRITE,
            MinionKeys(user_key=user, host_key=host),
            options=options,
            watch=watch,
        )
    # Whoever ends it leaves nothing that tells of its log.
    conn = libvirtd.connect()
    ident = next(r.id for r in watch.resources if r.kind == 'vm')
    conn.lookupByUUIDString(ident).destroy()
    conn.close()
    logs = [r for r in watch.resources if r.id.endswith('.log')]
    path = libvirtd.base / 'pools' / logs[0].id
    assert path.exists()
    for row in logs:
        imports.drop(row)
    assert not path.exists()


def test_somebody_elses_machine_is_not_dropped(imports, libvirtd):
    conn = libvirtd.connect()
    domain = conn.defineXML(
        "<domain type='qemu'><name>theirs</name><memory>1024</memory>"
        '<os><type>hvm</type></os></domain>'
    )
    row = testing.Resource(
        kind=ResourceKind.VM,
        id=domain.UUIDString(),
        tag='coriolis:x:y',
        side=Side.TARGET,
    )
    try:
        with pytest.raises(errors.Conflict, match='not ours'):
            imports.drop(row)
    finally:
        domain.undefine()
        conn.close()


@pytest.mark.parametrize(
    'id', ['default/web1.qcow2', 'default/../x', 'default/coriolis-a/../../b']
)
def test_somebody_elses_file_is_not_dropped(imports, id):
    row = testing.Resource(
        kind=ResourceKind.FILE, id=id, tag='coriolis:x:y', side=Side.TARGET
    )
    with pytest.raises(errors.Conflict, match='not a file of ours'):
        imports.drop(row)


def codes(findings):
    return {(f.code, str(f.severity)) for f in findings}


def test_preflight_finds_everything_at_once(imports, vm, options):
    big = msgspec.structs.replace(grown(vm, 1 << 50), firmware=Firmware.EFI)
    options['network'] = 'nowhere'
    found = imports.preflight(big, StorageMappings(), options)
    assert codes(found) == {
        ('pool_too_small', 'error'),
        ('worker_image', 'error'),
        ('worker_network', 'error'),
        ('disk_bus', 'info'),
        ('efi_variables', 'warning'),
    }
    small = next(f for f in found if f.code == 'pool_too_small')
    assert 'take up to 1.0 PiB' in small.meaning
    assert all(f.remedy and f.instance == vm.name for f in found)


def test_preflight_tells_of_a_taken_name(imports, vm, options, libvirtd):
    conn = libvirtd.connect()
    domain = conn.defineXML(
        "<domain type='qemu'><name>taken</name><memory>1024</memory>"
        '<os><type>hvm</type></os></domain>'
    )
    try:
        taken = msgspec.structs.replace(vm, name='taken')
        found = imports.preflight(taken, StorageMappings(), options)
        assert ('name_taken', 'warning') in codes(found)
    finally:
        domain.undefine()
        conn.close()


def test_preflight_with_an_unknown_pool(imports, vm, options):
    found = imports.preflight(vm, StorageMappings(default='nowhere'), options)
    assert ('storage_pool', 'error') in codes(found)
