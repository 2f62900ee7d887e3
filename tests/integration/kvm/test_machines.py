# SPDX-License-Identifier: Apache-2.0
"""A real guest: frozen, copied, and its recovery point booted."""

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time

import libvirt
import pytest

from coriolis_ng import errors
from coriolis_ng.objects.minion import MinionKeys, Purpose
from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.objects.snapshot import Consistency
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.volume import ClonedVolumes, Volumes
from coriolis_ng.providers import registry, testing
from coriolis_ng.providers.kvm.provider import Provider
from coriolis_ng.remote.keys import make_keypair
from coriolis_ng.remote.ssh import wait_for_ssh
from coriolis_ng.transport.copy import copy
from coriolis_ng.transport.digest import whole
from coriolis_ng.transport.nbd import NbdAddress
from coriolis_ng.transport.sinks.nbd import NbdSink
from tests.beds import guest as guests
from tests.beds import images
from tests.beds import libvirt as bed

pytestmark = [
    pytest.mark.guest,
    pytest.mark.slow,
    pytest.mark.thorough,
    pytest.mark.timeout(1500),
]

WAIT_SECONDS = 900


@pytest.fixture(scope='module')
def clouds():
    with bed.two_clouds() as both:
        yield both


@pytest.fixture(scope='module')
def source(clouds):
    opened = registry.connect(Provider(['/']), {'uri': clouds[0].uri})
    yield opened
    opened.close()


@pytest.fixture(scope='module')
def target(clouds):
    opened = registry.connect(Provider(['/']), {'uri': clouds[1].uri})
    yield opened
    opened.close()


@pytest.fixture(scope='module')
def guest(clouds):
    return guests.Guest(clouds[0], 'web1')


@pytest.fixture(scope='module')
def options(clouds):
    return {
        'worker_image': str(images.worker().root),
        'domain_type': clouds[1].virt_type,
        'worker_timeout_seconds': WAIT_SECONDS,
    }


def watch(name, side=Side.TARGET):
    return testing.RecordingWatch(f'coriolis:machines:{name}', side)


@contextlib.contextmanager
def sink_of(cloud, volume, scratch):
    """Writes a volume without a worker VM."""
    path = cloud.base / 'pools' / volume.id
    socket = scratch / 'w'
    server = subprocess.Popen(
        ['qemu-nbd', '-t', '-e', '0', '-f', 'qcow2', '-k', str(socket)]
        + ['--discard=unmap', '-x', 'w', str(path)]
    )
    while not socket.exists():
        time.sleep(0.02)
    sink = NbdSink(NbdAddress(export='w', socket=str(socket)))
    try:
        yield sink
    finally:
        sink.close()
        server.terminate()
        server.wait()
        socket.unlink(missing_ok=True)


class Round:
    """One execution by hand: snapshot, copy, recovery point."""

    def __init__(self, clouds, source, target, scratch, options):
        self.cloud = clouds[1]
        self.source = source
        self.target = target
        self.scratch = scratch
        self.options = options
        self.rows = []
        self.volumes = Volumes()

    def run(self, name, since=None):
        vm = self.source.inventory.get_vm('web1')
        there = watch(f'{name}-src', Side.SOURCE)
        here = watch(name)
        self.volumes = self.target.imports.make_volumes(
            vm,
            self.volumes,
            StorageMappings(),
            options=self.options,
            watch=here,
        )
        snapshot = self.source.exports.make_snapshot(
            vm,
            since=since,
            options={'scratch_dir': str(self.scratch / 's')},
            watch=there,
        )
        digests = {}
        for disk in snapshot.disks:
            reader = self.source.exports.open(snapshot, disk.disk_id)
            volume = self.volumes.of(disk.disk_id)
            with sink_of(self.cloud, volume, self.scratch) as sink:
                copy(
                    reader,
                    sink,
                    reader.extents(disk.since),
                    target_is_zero=volume.zeroed,
                )
            digests[disk.disk_id] = whole(reader)
            reader.close()
        for row in there.resources:
            if row.kind is ResourceKind.SNAPSHOT:
                self.source.exports.drop(row)
        point = self.target.imports.make_snapshots(self.volumes, watch=here)
        self.rows += here.resources
        return vm, snapshot, point, digests

    def digests(self, point):
        found = {}
        for disk in point:
            reader = self.target.imports.read(disk)
            found[disk.disk_id] = whole(reader)
            reader.close()
        return found


@pytest.fixture(scope='module')
def rounds(clouds, source, target, options, guest):

    guest.wait_for_agent(WAIT_SECONDS)
    guest.wait_for_ssh(WAIT_SECONDS)
    with tempfile.TemporaryDirectory(dir='/var/tmp') as scratch:
        done = Round(clouds, source, target, pathlib.Path(scratch), options)
        guest.run('echo first >/root/mark; sync')
        first = done.run('one')
        guest.run('echo second >/root/mark; sync')
        second = done.run('two', first[1].checkpoint)
        yield done, first, second


def test_a_frozen_guest_is_application_consistent(rounds):
    _, first, second = rounds
    for _, snapshot, _, _ in (first, second):
        assert snapshot.consistency is Consistency.APPLICATION
        assert snapshot.consistency_reason == ''
    assert {str(d.mode) for d in second[1].disks} == {'delta'}


def test_both_points_equal_their_snapshots(rounds):
    done, first, second = rounds
    for _, _, point, digests in (first, second):
        assert done.digests(point) == digests


def test_the_guest_writes_again_after_the_snapshot(rounds, guest):
    assert guest.run('touch /root/thawed && echo ok').strip() == 'ok'


def test_a_thaw_comes_even_when_the_process_is_killed(rounds, guest, clouds):
    done, _, _ = rounds
    program = (
        'import os, signal\n'
        'from coriolis_ng.providers.kvm import quiesce\n'
        'from coriolis_ng.providers.kvm.connection import Access\n'
        f'access = Access({{"uri": {clouds[0].uri!r}}})\n'
        'domain = access.domain("web1")\n'
        'with quiesce.quiesced(access, domain, "require", 30):\n'
        '    print("frozen", flush=True)\n'
        '    os.kill(os.getpid(), signal.SIGKILL)\n'
    )

    ended = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', program],
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.stdout.strip() == 'frozen', ended.stderr
    assert guest.run('touch /root/again && echo ok').strip() == 'ok'


def test_a_clone_boots_isolated_and_leaves_nothing(
    rounds, target, options, clouds
):
    done, _, (vm, _, point, digests) = rounds
    here = watch('boot')
    imports = target.imports
    clones = imports.make_clones(point, options=options, watch=here)
    made = imports.make_vm(
        vm,
        clones,
        name='web1',
        network_map={},
        isolated=True,
        options=options,
        watch=here,
    )
    try:
        assert (made.name, made.cpus, made.memory) == (
            'web1',
            vm.cpus,
            vm.memory,
        )
        assert [nic.mac for nic in made.nics] == [nic.mac for nic in vm.nics]
        with pytest.raises(errors.Conflict):
            imports.drop(next(r for r in done.rows if r.id == point[0].id))
        # The network is the machine's as long as that is there.
        port = next(r for r in here.resources if r.kind is ResourceKind.PORT)
        imports.drop(port)
        address = _address(imports, made)
        until = time.monotonic() + WAIT_SECONDS
        while not guests.answers(address):
            assert time.monotonic() < until
            time.sleep(1)
        found = guests.ssh(address, 'cat /root/mark').strip()
        assert found == 'second'
    finally:
        for row in sorted(
            here.resources, key=lambda r: r.kind is not ResourceKind.VM
        ):
            imports.drop(row)
    assert imports.list_tagged(here.tag) == []
    assert clouds[1].leftovers()['machines'] == []
    assert done.digests(point) == digests


def _address(imports, vm):
    until = time.monotonic() + WAIT_SECONDS
    while True:
        found = imports.find_address(vm)
        if found:
            return found
        assert time.monotonic() < until
        time.sleep(0.5)


def test_a_taken_name_is_a_conflict(rounds, source, options):
    done, _, (vm, _, point, _) = rounds
    here = watch('taken')
    clones = done.target.imports.make_clones(
        point, options=options, watch=here
    )
    other = libvirt.open(done.cloud.uri)
    other.defineXML(
        f"<domain type='{done.cloud.virt_type}'><name>web1</name>"
        '<memory>1024</memory><os><type>hvm</type></os></domain>'
    )
    try:
        with pytest.raises(errors.Conflict, match="'web1'"):
            done.target.imports.make_vm(
                vm,
                clones,
                name='web1',
                network_map={vm.nics[0].network: 'default'},
                isolated=False,
                options=options,
                watch=here,
            )
    finally:
        other.lookupByName('web1').undefine()
        other.close()
        for row in here.resources:
            done.target.imports.drop(row)


def test_a_missing_network_mapping_names_the_field(rounds, options):
    done, _, (vm, _, _, _) = rounds
    with pytest.raises(errors.InvalidInput) as caught:
        done.target.imports.make_vm(
            vm,
            ClonedVolumes(),
            name='web1',
            network_map={},
            isolated=False,
            options=options,
            watch=watch('unmapped'),
        )
    assert caught.value.field == f'$.network_map.{vm.nics[0].network}'


def test_a_worker_vm_answers_with_the_pinned_key(target, options, clouds):
    here = watch('worker')
    private, public = make_keypair('user')
    host_private, host_public = make_keypair()
    try:
        minion = target.imports.make_minion(
            (),
            Purpose.WRITE,
            MinionKeys(user_key=public, host_key=host_private),
            options=options,
            watch=here,
        )
        ssh = wait_for_ssh(
            minion.ssh.host,
            minion.ssh.port,
            minion.ssh.user,
            private,
            host_public,
            timeout_seconds=WAIT_SECONDS,
        )
        assert ssh.run(['id', '-un']).stdout.strip() == 'root'
        ssh.close()
    finally:
        for row in here.resources:
            target.imports.drop(row)
            target.imports.drop(row)
    assert clouds[1].leftovers()['machines'] == []
    assert target.imports.list_tagged(here.tag) == []


def test_everything_goes_in_the_end(rounds, source, clouds):
    done, _, _ = rounds
    for row in done.rows:
        if row.kind is ResourceKind.VOLUME_SNAPSHOT:
            done.target.imports.drop(row)
    for row in done.rows:
        done.target.imports.drop(row)
    for row in source.exports.list_tagged('coriolis:machines:'):
        source.exports.drop(row)
    assert clouds[1].leftovers()['volumes'] == []
    assert clouds[0].leftovers()['checkpoints'] == []
