# SPDX-License-Identifier: Apache-2.0
"""Machines of pools under libvirt: what happens to them behind our back."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import libvirt
import pytest

from coriolis_ng import errors
from coriolis_ng.objects.minion import Minion, MinionKeys
from coriolis_ng.objects.minion_pool import Power
from coriolis_ng.objects.resource import ResourceKind, Side
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import Volumes
from coriolis_ng.providers import pooltesting, testing
from coriolis_ng.providers.kvm import qcow2
from tests.conformance.test_kvm import PoolBed
from tests.integration.kvm.tiny import run

MIB = 1 << 20
WATCH = f'coriolis:{testing.EXECUTION}:pool'


def keys() -> MinionKeys:
    return pooltesting.Keys().given


class Machine:
    """One of a pool, and what is around it."""

    def __init__(self, cloud: PoolBed, running: Any) -> None:
        self.pools = cloud.connection.pools
        self.imports = cloud.connection.imports
        self.options = cloud.pool_options
        self.running = running
        self.watch = testing.RecordingWatch(WATCH, Side.TARGET)
        self.minion: Minion = self.pools.make(
            keys(), options=self.options, watch=self.watch
        )
        self.conn = running.connect()

    @property
    def domain(self) -> libvirt.virDomain:
        return self.conn.lookupByUUIDString(self.minion.id)

    def start(self) -> Minion:
        started: Minion = self.pools.start(
            self.minion, options=self.options, watch=self.watch
        )
        return started

    def file(self, what: str) -> Any:
        [found] = [
            self.running.base / 'pools' / r.id
            for r in self.watch.resources
            if r.kind is ResourceKind.FILE and what in r.id
        ]
        return found

    def disks(self, flags: int = 0) -> list[str]:
        """Targets and serials of what is not its own."""
        text = self.domain.XMLDesc(flags)
        return [
            one.partition('</serial>')[0] for one in text.split('<serial>')[1:]
        ]

    def close(self) -> None:
        self.conn.close()
        for resource in self.watch.resources:
            self.imports.drop(resource)


@pytest.fixture
def machine(libvirtd):
    cloud = PoolBed(libvirtd)
    made = Machine(cloud, libvirtd)
    yield made
    made.close()
    cloud.connection.close()
    left = libvirtd.leftovers()
    assert left['machines'] == []
    assert left['volumes'] == ['default/empty.qcow2']
    (libvirtd.base / 'pools' / left['volumes'][0]).unlink()


@pytest.fixture
def volumes(machine):
    watch = testing.RecordingWatch(f'{WATCH}:volumes', Side.TARGET)
    vm = Vm(
        id='v',
        name='v',
        cpus=1,
        memory=MIB,
        disks=(Disk(id='vda', size=2 * MIB), Disk(id='vdb', size=MIB)),
    )
    yield machine.imports.make_volumes(
        vm, Volumes(), StorageMappings(), options={}, watch=watch
    ).items
    machine.pools.stop(machine.minion)
    for resource in watch.resources:
        machine.imports.drop(resource)


def test_volumes_are_in_the_running_machine_only(machine, volumes):
    lent = machine.pools.attach(machine.minion, volumes, watch=machine.watch)
    assert sorted(machine.disks()) == sorted(lent.disks.values())
    assert machine.disks(libvirt.VIR_DOMAIN_XML_INACTIVE) == []
    # Whoever pulls the plug takes them along.
    machine.domain.destroy()
    assert machine.pools.check(machine.minion) is Power.OFF
    machine.start()
    assert machine.disks() == []


def test_a_volume_is_in_one_machine_only(machine, volumes):
    """As long as it is attached its file is locked; afterwards it is not."""
    path = machine.running.base / 'pools' / volumes[0].id
    machine.pools.attach(machine.minion, volumes[:1], watch=machine.watch)
    with pytest.raises(qcow2.ImageBusy):
        qcow2.refuse_writers(path)
    machine.pools.detach(machine.minion)
    qcow2.refuse_writers(path)
    run('qemu-io', '-c', 'write -q 0 64k', path)


def test_a_volume_that_is_gone_cannot_be_attached(machine, volumes):
    path = machine.running.base / 'pools' / volumes[0].id
    path.rename(path.with_suffix('.away'))
    with pytest.raises(errors.Conflict):
        machine.pools.attach(machine.minion, volumes, watch=machine.watch)
    path.with_suffix('.away').rename(path)
    lent = machine.pools.attach(machine.minion, volumes, watch=machine.watch)
    assert set(lent.disks) == {'vda', 'vdb'}


def test_qemu_that_was_killed_is_started_again(machine, volumes):
    machine.pools.attach(machine.minion, volumes, watch=machine.watch)
    pid = next((machine.running.base / 'run').rglob('coriolis-pool-*.pid'))
    os.kill(int(pid.read_text()), signal.SIGKILL)
    until = time.monotonic() + 30
    while machine.pools.check(machine.minion) is Power.ON:
        assert time.monotonic() < until
        time.sleep(0.1)
    with pytest.raises(errors.NotFound):
        machine.imports.check_minion(machine.minion)
    assert machine.pools.check(machine.minion) is Power.OFF
    assert machine.start().id == machine.minion.id
    assert machine.disks() == []
    machine.imports.check_minion(machine.minion)


def test_one_that_is_suspended_is_started_again(machine):
    machine.domain.suspend()
    assert machine.pools.check(machine.minion) is Power.OFF
    machine.start()
    assert machine.pools.check(machine.minion) is Power.ON


def test_what_was_written_in_it_goes_when_it_starts(machine):
    root = machine.file('-worker')
    machine.pools.stop(machine.minion)
    run('qemu-io', '-c', 'write -q -P 7 0 64k', root)
    assert not qcow2.is_empty(root)
    machine.start()
    assert qcow2.is_empty(root)
    assert root.stat().st_mode & 0o777 == 0o600


def test_its_keys_are_others_once_it_begins_anew(machine):
    seed = machine.file('-seed')
    before, began = seed.read_bytes(), machine.domain.ID()
    other = keys()
    machine.pools.renew(machine.minion, other, options=machine.options)
    after = seed.read_bytes()
    assert after != before
    assert other.user_key.encode() in after
    assert seed.stat().st_mode & 0o777 == 0o600
    assert machine.domain.ID() != began


@pytest.mark.parametrize('how', ['removed', 'undefined', 'no seed'])
def test_one_that_somebody_took_away_is_gone(machine, how):
    if how == 'removed':
        machine.domain.destroy()
        machine.domain.undefine()
    elif how == 'undefined':
        # It still runs, but would not come back.
        machine.domain.undefine()
    else:
        machine.file('-seed').unlink()
    assert machine.pools.check(machine.minion) is None
    machine.pools.drop(machine.minion)
    assert machine.running.leftovers()['machines'] == []


def test_a_machine_of_somebody_else_is_left_alone(machine):
    """Whatever its id says."""
    machine.domain.destroy()
    machine.domain.undefine()
    machine.conn.defineXML(
        f"<domain type='{machine.running.virt_type}'><name>theirs</name>"
        f'<uuid>{machine.minion.id}</uuid><memory>1024</memory>'
        '<os><type>hvm</type></os></domain>'
    )
    theirs = machine.conn.lookupByName('theirs')
    try:
        assert machine.pools.check(machine.minion) is None
        for act in (
            machine.start,
            lambda: machine.pools.renew(
                machine.minion, keys(), options=machine.options
            ),
            lambda: machine.pools.attach(
                machine.minion, (), watch=machine.watch
            ),
        ):
            with pytest.raises(errors.NotFound):
                act()
        with pytest.raises(errors.Conflict, match='not ours'):
            machine.pools.drop(machine.minion)
        assert machine.running.leftovers()['machines'] == ['theirs']
    finally:
        theirs.undefine()


def test_an_image_that_is_gone_is_said(machine):
    machine.pools.stop(machine.minion)
    options = {**machine.options, 'worker_image': '/nowhere/at/all.qcow2'}
    with pytest.raises(errors.NotFound, match='no worker image'):
        machine.pools.start(
            machine.minion, options=options, watch=machine.watch
        )


def test_options_are_those_of_worker_vms(machine):
    found = machine.pools.options('destination', None)
    assert {o.name for o in found} == {
        'storage_pool',
        'network',
        'worker_image',
        'machine_type',
        'domain_type',
        'cpu_mode',
    }
    assert machine.pools.options('source', None) == []
