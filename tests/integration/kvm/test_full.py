# SPDX-License-Identifier: Apache-2.0
"""A storage pool that is full: QEMU pauses who writes to it, and we say so."""

import contextlib
import shutil
import subprocess
import threading
import time

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.resource import Side
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Disk, Vm
from coriolis_ng.objects.volume import NO_VOLUMES, Volumes
from coriolis_ng.providers import registry, testing
from coriolis_ng.providers.kvm.provider import Provider
from tests.beds import libvirt as bed
from tests.integration.kvm.tiny import Tiny

MIB = 1 << 20
ROOM = 700 * MIB
SECONDS = 30


@pytest.fixture(scope='module')
def libvirtd():
    """Its only pool has a small file system of its own."""
    cloud = bed.Cloud('full')
    folder = cloud.base / 'pools/default'
    folder.mkdir(parents=True)
    mount = ['mount', '-t', 'tmpfs', '-o', f'size={ROOM}', 'none', folder]
    subprocess.run(mount, check=True)
    try:
        # The daemon's mount namespace takes the mount along.
        with cloud:
            yield cloud
            subprocess.run(['umount', '-l', folder], check=True)
    except BaseException:
        subprocess.run(['umount', '-l', folder], check=False)
        raise


@pytest.fixture
def imports(libvirtd):
    opened = registry.connect(Provider(['/']), {'uri': libvirtd.uri})
    yield opened.imports
    opened.close()


@pytest.fixture
def tiny(libvirtd):
    made = Tiny(libvirtd, 'tiny')
    made.start()
    yield made
    made.remove()


@contextlib.contextmanager
def filled(libvirtd, left):
    """No more room in the pool than ``left`` bytes."""
    ballast = libvirtd.base / 'pools/default/ballast'
    size = shutil.disk_usage(ballast.parent).free - left
    subprocess.run(['fallocate', '-l', str(size), ballast], check=True)
    try:
        yield
    finally:
        ballast.unlink()


def reason(imports, tiny):
    """Why it cannot work on; None where it can."""
    try:
        imports.check_minion(Minion(id=tiny.domain.UUIDString()))
    except errors.CoriolisError as error:
        return error
    return None


def wait_for(look, what):
    until = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < until, what
        time.sleep(0.1)
    return found


def write(tiny):
    """Hangs until the machine goes on, or is gone."""
    with contextlib.suppress(OSError, IndexError):
        tiny.write('vda', 8 * MIB, b'\xaa' * (2 * MIB))


def test_a_full_pool_is_named(libvirtd, imports, tiny):
    assert reason(imports, tiny) is None
    with filled(libvirtd, 0):
        threading.Thread(target=write, args=(tiny,), daemon=True).start()
        error = wait_for(lambda: reason(imports, tiny), 'nothing was noticed')
    assert type(error) is errors.QuotaExceeded
    assert error.message == (
        "The worker VM was paused: the storage pool 'default' is full. Make "
        'room and execute again.'
    )
    tiny.domain.resume()
    assert reason(imports, tiny) is None


def test_a_suspended_machine(imports, tiny):
    tiny.domain.suspend()
    error = reason(imports, tiny)
    assert type(error) is errors.Conflict
    assert 'suspended by somebody' in error.message
    tiny.domain.resume()
    assert reason(imports, tiny) is None


def test_a_machine_that_is_off(imports, tiny):
    tiny.domain.destroy()
    error = reason(imports, tiny)
    assert type(error) is errors.NotFound
    assert 'gone' in error.message


# Preflight


@pytest.fixture
def vm():
    return Vm(
        id='v',
        name='v',
        cpus=1,
        memory=64 * MIB,
        disks=(Disk(id='vda', size=100 * MIB), Disk(id='vdb', size=60 * MIB)),
    )


@pytest.fixture
def volumes(imports, vm):
    watch = testing.RecordingWatch('coriolis:full:one', Side.TARGET)
    yield imports.make_volumes(
        vm, Volumes(), StorageMappings(), options={}, watch=watch
    )
    for row in watch.resources:
        imports.drop(row)


def space(imports, vm, existing=NO_VOLUMES):
    found = imports.preflight(vm, StorageMappings(), {}, existing)
    return {f.code: f.meaning for f in found if f.code.startswith('pool_')}


def test_room_is_told_as_it_is_now(libvirtd, imports, vm):
    """Not as libvirt saw it when the pool was started."""
    with filled(libvirtd, 600 * MIB):
        assert space(imports, vm) == {
            'pool_too_small': 'New volumes take up to 160.0 MiB, and 512.0 '
            "MiB must be free to work; the storage pool 'default' has 600.0 "
            'MiB free.'
        }
    assert space(imports, vm) == {}


def test_volumes_that_are_there_need_no_room(libvirtd, imports, vm, volumes):
    with filled(libvirtd, 600 * MIB):
        assert space(imports, vm, volumes) == {}
        gone = msgspec.structs.replace(
            volumes.items[0], id='default/coriolis-gone.qcow2'
        )
        kept = Volumes(items=(gone, volumes.items[1]))
        found = space(imports, vm, kept)
        assert list(found) == ['pool_too_small']
        assert 'take up to 100.0 MiB' in found['pool_too_small']
    with filled(libvirtd, 500 * MIB):
        assert space(imports, vm, volumes) == {
            'pool_too_small': '512.0 MiB must be free to work; the storage '
            "pool 'default' has 500.0 MiB free."
        }


def test_a_disk_that_grew_needs_what_it_grew_by(
    libvirtd, imports, vm, volumes
):
    first, second = vm.disks
    grown = msgspec.structs.replace(first, size=200 * MIB)
    larger = msgspec.structs.replace(vm, disks=(grown, second))
    with filled(libvirtd, 600 * MIB):
        found = space(imports, larger, volumes)
        assert 'take up to 100.0 MiB' in found['pool_too_small']
    with filled(libvirtd, 300 * MIB):
        assert 'pool_too_small' in space(imports, vm, volumes)


def test_little_room_is_a_warning(libvirtd, imports, vm, volumes):
    big = tuple(
        msgspec.structs.replace(v, size=400 * MIB) for v in volumes.items
    )
    disks = tuple(msgspec.structs.replace(d, size=400 * MIB) for d in vm.disks)
    larger = msgspec.structs.replace(vm, disks=disks)
    with filled(libvirtd, 600 * MIB):
        found = space(imports, larger, Volumes(items=big))
        assert list(found) == ['pool_small']
        assert '800.0 MiB' in found['pool_small']
