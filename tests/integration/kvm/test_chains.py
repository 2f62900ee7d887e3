# SPDX-License-Identifier: Apache-2.0
"""Recovery points as qcow2 chains: each shows its own moment, whatever is
dropped around it, and in whatever state a crash left the directory."""

import itertools
import os
import subprocess
import time

import pytest

from coriolis_ng import errors
from coriolis_ng.providers.kvm import chains, qcow2
from tests.integration.kvm.tiny import content, run

SIZE = 4 << 20
KIB = 1024


class Replica:
    """A volume with some points, and what each must show."""

    def __init__(self, folder):
        self.folder = folder
        self.volume = folder / 'coriolis-aaaaaaaaaaaa-vda.qcow2'
        qcow2.create(self.volume, SIZE)
        self.points = []
        self.shown = {}
        self.model = bytearray(SIZE)

    def write(self, offset, length, pattern):
        run(
            'qemu-io',
            '-f',
            'qcow2',
            '-c',
            f'write -q -P {pattern} {offset} {length}',
            self.volume,
        )
        self.model[offset : offset + length] = bytes([pattern]) * length
        self.shown[self.volume] = bytes(self.model)

    def freeze(self):
        name = chains.point_name(
            self.volume.name, f'{len(self.points) + 1:012x}'
        )
        point = self.folder / name
        chains.freeze(self.volume, point)
        self.points.append(point)
        self.shown[point] = bytes(self.model)
        return point

    def clone(self, point, name='coriolis-cccccccccccc-vda_clone.qcow2'):
        path = self.folder / name
        chains.clone(point, path)
        self.shown[path] = self.shown[point]
        return path

    def check(self, *gone):
        scratch = self.folder.parent / 'raw'
        for path, wanted in self.shown.items():
            if path not in gone:
                assert content(path, 'qcow2', scratch) == wanted, path.name

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def replica(tmp_path):
    folder = tmp_path / 'pool'
    folder.mkdir()
    made = Replica(folder)
    made.write(0, 2048 * KIB, 1)
    made.freeze()
    made.write(64 * KIB, 128 * KIB, 2)
    made.freeze()
    made.write(1024 * KIB, 256 * KIB, 3)
    made.freeze()
    made.write(0, 64 * KIB, 4)
    return made


def test_each_point_shows_its_moment(replica):
    replica.check()


@pytest.mark.parametrize('order', list(itertools.permutations(range(3))))
def test_points_go_in_any_order(replica, order):
    gone = []
    for index in order:
        chains.drop_point(replica.points[index])
        chains.drop_point(replica.points[index])
        gone.append(replica.points[index])
        replica.check(*gone)
    assert replica.names() == [replica.volume.name]


def test_the_oldest_point_is_merged_not_copied(replica):
    base = replica.points[0].stat().st_ino
    chains.drop_point(replica.points[0])
    # The big file took the name of the small one above it.
    assert replica.points[1].stat().st_ino == base


def test_a_grown_volume_keeps_its_points(replica):
    chains.drop_point(replica.points[1])
    run('qemu-img', 'resize', '-q', replica.volume, str(SIZE * 2))
    replica.model += bytes(SIZE)
    replica.write(SIZE + 64 * KIB, 64 * KIB, 7)
    point = replica.freeze()
    chains.drop_point(replica.points[0])
    chains.drop_point(replica.points[2])
    replica.check(*replica.points[:3])
    assert qcow2.find_header(point).size == SIZE * 2


def test_a_point_with_a_clone_stays(replica):
    clone = replica.clone(replica.points[1])
    with pytest.raises(errors.Conflict, match='in use'):
        chains.drop_point(replica.points[1])
    replica.check()
    chains.drop_volume(clone)
    chains.drop_point(replica.points[1])
    replica.check(clone, replica.points[1])


def test_what_is_in_use_below_a_clone_waits(replica, tmp_path):
    clone = replica.clone(replica.points[2])
    socket = tmp_path / 's'
    server = subprocess.Popen(
        ['qemu-nbd', '-t', '-f', 'qcow2', '-k', str(socket), str(clone)]
    )
    try:
        while not socket.exists():
            time.sleep(0.02)
        chains.drop_point(replica.points[0])
        # It is dropped as far as anybody can see, and merged later.
        with pytest.raises(errors.NotFound):
            chains.clone(replica.points[0], tmp_path / 'x.qcow2')
        assert f'{replica.points[0].name}.gone' in replica.names()
    finally:
        server.terminate()
        server.wait()
    replica.check(replica.points[0])
    chains.drop_volume(clone)
    assert replica.points[0].name not in replica.names()
    assert not [name for name in replica.names() if name.endswith('.gone')]
    replica.check(replica.points[0], clone)


def test_restore_puts_the_volume_back(replica):
    chains.restore(replica.volume, replica.points[0])
    replica.shown[replica.volume] = replica.shown[replica.points[0]]
    replica.check()
    for point in replica.points:
        chains.drop_point(point)
    replica.check(*replica.points)
    assert replica.names() == [replica.volume.name]


def test_freeze_may_be_repeated(replica):
    for point in (replica.points[-1], replica.points[-1]):
        chains.freeze(replica.volume, point)
    replica.check()


def test_freeze_goes_on_after_a_crash_between_its_steps(replica):
    point = replica.folder / chains.point_name(
        replica.volume.name, '000000000009'
    )
    os.link(replica.volume, point)
    (replica.folder / f'{replica.volume.name}.half').write_bytes(b'torn')
    replica.shown[point] = bytes(replica.model)
    replica.check()
    chains.freeze(replica.volume, point)
    assert not point.samefile(replica.volume)
    replica.check()


def test_half_a_freeze_can_be_dropped(replica):
    point = replica.folder / chains.point_name(
        replica.volume.name, '000000000009'
    )
    os.link(replica.volume, point)
    chains.drop_point(point)
    replica.check()


def test_a_crash_between_commit_and_rename_is_harmless(replica):
    first, second = replica.points[:2]
    (first.with_name(first.name + '.gone')).touch()
    run('qemu-img', 'commit', '-q', '-d', '-f', 'qcow2', second)
    replica.check(first)
    chains.settle(replica.folder)
    replica.check(first)
    assert first.name not in replica.names()


def test_a_volume_that_somebody_writes_is_not_frozen(replica, tmp_path):
    socket = tmp_path / 's'
    server = subprocess.Popen(
        ['qemu-nbd', '-t', '-f', 'qcow2', '-k', str(socket)]
        + [str(replica.volume)]
    )
    try:
        while not socket.exists():
            time.sleep(0.02)
        point = replica.folder / chains.point_name(
            replica.volume.name, '000000000009'
        )
        with pytest.raises(errors.Conflict, match='in use'):
            chains.freeze(replica.volume, point)
    finally:
        server.terminate()
        server.wait()
    replica.check()
    chains.drop_point(point)
    replica.check()


def test_dropping_all_leaves_nothing(replica):
    clone = replica.clone(replica.points[0])
    chains.drop_volume(replica.volume)
    chains.drop_volume(clone)
    for point in replica.points:
        chains.drop_point(point)
    assert replica.names() == []
