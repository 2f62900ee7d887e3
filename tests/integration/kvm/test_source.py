# SPDX-License-Identifier: Apache-2.0
"""Snapshots and deltas of real QEMU machines, running and off."""

import os
import pathlib
import signal
import tempfile
import time

import libvirt
import pytest

from coriolis_ng import errors
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.snapshot import Consistency, Mode, Snapshot
from coriolis_ng.providers.kvm.provider import Provider
from tests.integration.kvm.conftest import Copies, read
from tests.integration.kvm.tiny import Tiny, run

MIB = 1 << 20
# QEMU's bitmaps have a grain of 64 KiB.
GRAIN = 64 << 10


@pytest.fixture
def formats():
    return ('qcow2', 'qcow2')


@pytest.fixture
def tiny(libvirtd, formats):
    machine = Tiny(libvirtd, 'tiny', formats)
    yield machine
    machine.remove()


@pytest.fixture
def scratch():
    # Short: the path of a socket may have 107 characters.
    with tempfile.TemporaryDirectory(prefix='cng-s', dir='/var/tmp') as path:
        yield pathlib.Path(path)


@pytest.fixture
def copies(connection, tiny, scratch):
    return Copies(connection, 'tiny', scratch)


def modes(snapshot):
    return {disk.disk_id: str(disk.mode) for disk in snapshot.disks}


def reasons(snapshot):
    return {disk.disk_id: disk.reason for disk in snapshot.disks}


def names(tiny):
    return [point.getName() for point in tiny.domain.listAllCheckpoints()]


def kill_qemu(libvirtd, tiny):
    pid = int((libvirtd.base / 'run/qemu/tiny.pid').read_text())
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 30
    while tiny.domain.isActive():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_full_then_deltas_running_and_off(tiny, copies, connection):
    first, sent = copies.cycle()
    assert modes(first) == {'vda': 'full', 'vdb': 'full'}
    assert 0 < sent <= GRAIN  # the boot sector's cluster
    tiny.write_off('vdb', 4 * MIB, b'off' * 100)
    second, sent = copies.cycle(first.checkpoint)
    assert modes(second) == {'vda': 'delta', 'vdb': 'delta'}
    assert 0 < sent <= GRAIN
    tiny.start()
    tiny.write('vdb', 8 * MIB, b'running' * 100)
    third, sent = copies.cycle(second.checkpoint)
    assert modes(third) == {'vda': 'delta', 'vdb': 'delta'}
    # The boot sector was written again, to see that the machine answers.
    assert 0 < sent <= 2 * GRAIN
    assert third.consistency is Consistency.CRASH
    assert 'no guest agent' in third.consistency_reason
    tiny.write('vdb', 12 * MIB, b'last' * 100)
    tiny.stop()
    fourth, sent = copies.cycle(third.checkpoint)
    assert modes(fourth) == {'vda': 'delta', 'vdb': 'delta'}
    assert 0 < sent <= 2 * GRAIN
    assert len(names(tiny)) == 4
    for snapshot in (first, second, third, fourth):
        for resource in connection.exports.list_tagged('coriolis:tiny:'):
            if resource.id == snapshot.checkpoint:
                connection.exports.drop(resource)
    assert names(tiny) == []
    told = run('qemu-img', 'info', '--output=json', tiny.paths['vda'])
    assert 'coriolis-' not in told


def test_nothing_is_left_but_the_checkpoint(tiny, copies, scratch):
    tiny.start()
    _, watch = copies.snapshot()
    copies.drop(watch, ResourceKind.SNAPSHOT)
    assert list(scratch.iterdir()) == []
    assert len(names(tiny)) == 1
    copies.drop(watch)
    copies.drop(watch)
    assert names(tiny) == []


@pytest.mark.parametrize('formats', [('qcow2', 'raw')])
def test_a_raw_disk_is_full_each_time_and_says_so(tiny, copies, connection):
    first, _ = copies.cycle()
    tiny.start()
    tiny.write('vda', MIB, b'x')
    tiny.write('vdb', MIB, b'y')
    second, _ = copies.cycle(first.checkpoint)
    assert modes(second) == {'vda': 'delta', 'vdb': 'full'}
    assert 'raw' in reasons(second)['vdb']
    tiny.stop()
    third, _ = copies.cycle(second.checkpoint)
    assert modes(third) == {'vda': 'delta', 'vdb': 'full'}
    vm = connection.inventory.get_vm('tiny')
    assert [disk.tracked for disk in vm.disks] == [True, False]
    found = connection.exports.preflight(vm, copies.options)
    assert {(f.code, str(f.severity)) for f in found} == {
        ('no_guest_agent', 'warning'),
        ('powered_off', 'info'),
        ('untracked_disk', 'warning'),
    }


@pytest.mark.parametrize('formats', [('raw',)])
def test_a_machine_without_any_record_has_no_checkpoint(tiny, copies):
    snapshot, _ = copies.cycle()
    assert snapshot.checkpoint is None
    assert modes(snapshot) == {'vda': 'full'}


@pytest.mark.parametrize('running', [True, False])
def test_a_lost_checkpoint_means_full(tiny, copies, running):
    first, watch = copies.snapshot()
    copies.drop(watch)
    if running:
        tiny.start()
    second, _ = copies.cycle(first.checkpoint)
    assert modes(second) == {'vda': 'full', 'vdb': 'full'}
    assert 'lost' in reasons(second)['vda']


@pytest.mark.parametrize('running', [True, False])
def test_a_resized_disk_is_full(tiny, copies, running):
    first, _ = copies.cycle()
    run('qemu-img', 'resize', '-q', tiny.paths['vdb'], '+4M')
    if running:
        tiny.start()
    second, _ = copies.cycle(first.checkpoint)
    assert modes(second) == {'vda': 'delta', 'vdb': 'full'}
    assert 'resized' in reasons(second)['vdb']


@pytest.mark.parametrize('running', [True, False])
def test_a_killed_qemu_damages_the_record(tiny, copies, libvirtd, running):
    first, watch = copies.snapshot()
    copies.copy(first)
    copies.drop(watch, ResourceKind.SNAPSHOT)
    tiny.start()
    tiny.write('vda', MIB, b'x')
    kill_qemu(libvirtd, tiny)
    tiny.stop()
    if running:
        tiny.start()
    second, _ = copies.cycle(first.checkpoint)
    assert modes(second) == {'vda': 'full', 'vdb': 'full'}
    assert 'damaged' in reasons(second)['vda']
    # The old mark can be taken off, and the new one serves.
    copies.drop(watch)
    if running:
        tiny.write('vda', 2 * MIB, b'x')
    third, _ = copies.cycle(second.checkpoint)
    assert modes(third) == {'vda': 'delta', 'vdb': 'delta'}


def test_power_off_in_the_middle_of_a_copy_is_said(tiny, copies):
    tiny.start()
    first, _ = copies.cycle()
    snapshot, watch = copies.snapshot(first.checkpoint)
    reader = copies.exports.open(snapshot, 'vda')
    read(reader, 0, 4096)
    tiny.stop()
    with pytest.raises(errors.Conflict, match='powered off during the copy'):
        read(reader, 0, MIB)
    reader.close()
    with pytest.raises(errors.Conflict, match='powered off during the copy'):
        copies.exports.open(snapshot, 'vdb')
    copies.drop(watch)
    again, _ = copies.cycle(first.checkpoint)
    assert modes(again) == {'vda': 'delta', 'vdb': 'delta'}


def test_an_abandoned_attempt_is_replaced(tiny, copies):
    tiny.start()
    watch = copies.watch()
    copies.snapshot(watch=watch)
    snapshot, _ = copies.snapshot(watch=watch)
    assert any('abandoned' in note for note in watch.notes)
    copies.copy(snapshot)
    copies.drop(watch)


def test_another_transfer_of_the_machine_is_a_conflict(tiny, copies):
    tiny.start()
    snapshot, watch = copies.snapshot()
    other = copies.watch()
    with pytest.raises(errors.Conflict, match='Another transfer'):
        copies.snapshot(watch=other)
    copies.copy(snapshot)
    copies.drop(other)
    copies.copy(snapshot)
    copies.drop(watch)


def test_a_backup_of_somebody_else_is_a_conflict(tiny, copies, libvirtd):
    tiny.start()
    socket = libvirtd.base / 'theirs'
    tiny.domain.backupBegin(
        "<domainbackup mode='pull'><server transport='unix' "
        f"socket='{socket}'/></domainbackup>",
        None,
        0,
    )
    with pytest.raises(errors.Conflict, match='Another program'):
        copies.snapshot()
    tiny.domain.abortJob()


def test_a_machine_that_is_off_is_locked_during_the_copy(tiny, copies):
    snapshot, watch = copies.snapshot()
    with pytest.raises(Exception, match='lock'):
        tiny.domain.create()
    copies.copy(snapshot)
    copies.drop(watch)
    tiny.start()


@pytest.mark.parametrize('formats', [('raw',)])
def test_a_raw_machine_that_is_started_during_the_copy(tiny, copies):
    snapshot, watch = copies.snapshot()
    reader = copies.exports.open(snapshot, 'vda')
    clone = reader.clone()
    read(clone, 0, MIB)
    clone.close()
    read(reader, 0, MIB)
    tiny.domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    with pytest.raises(errors.Conflict, match='started during the copy'):
        reader.close()
    reader.close()
    copies.drop(watch)


@pytest.mark.parametrize('formats', [('raw',)])
def test_a_raw_disk_that_is_written_during_the_copy(tiny, copies):
    """As a machine does that was started and is off again."""
    snapshot, watch = copies.snapshot()
    reader = copies.exports.open(snapshot, 'vda')
    read(reader, 0, MIB)
    tiny.write_off('vda', 2 * MIB, b'x' * 512)
    with pytest.raises(errors.Conflict, match='written to during the copy'):
        reader.close()
    copies.drop(watch)


def test_required_quiescing_fails_without_an_agent(tiny, copies):
    tiny.start()
    copies.options['quiesce'] = 'require'
    with pytest.raises(errors.Conflict, match='cannot be quiesced'):
        copies.snapshot()


def test_shut_down_pulls_the_plug_after_the_grace(tiny, connection, copies):
    tiny.start()
    watch = copies.watch()
    vm = connection.inventory.get_vm('tiny')
    connection.exports.shut_down(vm, watch=watch, grace_seconds=1)
    assert not tiny.domain.isActive()
    assert watch.notes == [
        'tiny did not shut down in 1 s and was switched off'
    ]
    start = connection.exports.start_up
    assert start(vm, watch=watch, grace_seconds=1) is True
    assert tiny.domain.isActive()
    # One that never goes off is not said to have been started.
    assert start(vm, watch=watch, grace_seconds=1) is False
    assert tiny.domain.isActive()


def test_a_disk_that_grew_after_the_look_is_a_conflict(tiny, copies):
    vm = copies.inventory.get_vm('tiny')
    run('qemu-img', 'resize', '-q', tiny.paths['vdb'], '+4M')
    with pytest.raises(errors.Conflict, match='changed since'):
        copies.exports.make_snapshot(
            vm, since=None, options=copies.options, watch=copies.watch()
        )


def test_a_snapshot_opens_in_another_connection(
    tiny, copies, libvirtd, scratch
):
    snapshot, watch = copies.snapshot()
    plain = to_plain(snapshot)
    other = Provider(['/']).connect({'uri': libvirtd.uri})
    reader = other.exports.open(from_plain(Snapshot, plain), 'vda')
    assert bytes(read(reader, 0, 512))[-2:] == b'\x55\xaa'
    reader.close()
    for resource in watch.resources:
        other.exports.drop(resource)
    other.close()
    assert names(tiny) == []
    assert snapshot.disks[0].mode is Mode.FULL
    assert list(scratch.iterdir()) == []
