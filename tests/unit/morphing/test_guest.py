# SPDX-License-Identifier: Apache-2.0
"""What names in fstab mean."""

from __future__ import annotations

import pytest

from coriolis_ng.morphing import guest, inspect
from coriolis_ng.morphing.mounts import file_systems
from coriolis_ng.morphing.target import UserScript

ROOT = guest.FileSystem(
    device='/dev/vdb1',
    disk=0,
    partition=1,
    type='ext4',
    uuid='ab-CD',
    label='my root',
    partuuid='1234-01',
)
DATA = guest.FileSystem(device='/dev/vdc', disk=1, type='xfs', uuid='ef')
GUEST = guest.Guest(family='linux', file_systems=(ROOT, DATA))


@pytest.mark.parametrize(
    ('spec', 'found'),
    [
        ('UUID=ab-cd', ROOT),
        ('UUID="AB-CD"', ROOT),
        ('LABEL=my root', ROOT),
        ('LABEL=MY ROOT', None),
        ('PARTUUID=1234-01', ROOT),
        ('/dev/disk/by-uuid/ef', DATA),
        ('/dev/sda1', ROOT),
        ('/dev/xvdb', DATA),
        ('/dev/nvme0n1p1', ROOT),
        ('/dev/sdb1', None),
        ('/dev/sdc', None),
        ('UUID=', None),
        ('LABEL=', None),
        ('tmpfs', None),
        ('/dev/mapper/vg-root', None),
        ('PARTLABEL=root', None),
    ],
)
def test_specs(spec: str, found: guest.FileSystem | None) -> None:
    assert GUEST.file_system(spec) == found


@pytest.mark.parametrize(
    ('name', 'place'),
    [
        ('/dev/vda', (0, 0)),
        ('/dev/hdc12', (2, 12)),
        ('/dev/nvme1n1', (1, 0)),
        ('/dev/sr0', None),
        ('/dev/sdaa1', None),
        ('/dev/nvme0', (0, 0)),
        ('sda1', None),
        ('/dev/md0', None),
    ],
)
def test_places(name: str, place: tuple[int, int] | None) -> None:
    assert guest.device_place(name) == place


def test_only_installed_packages_count() -> None:
    status = (
        'Package: a\nStatus: install ok installed\nVersion: 1:2\n'
        'Architecture: amd64\nDescription: x\n Status: no\n\n'
        'Package: b\nStatus: deinstall ok config-files\nVersion: 3\n\n'
        'Package: c\nStatus: install ok half-configured\n'
    )
    assert inspect.dpkg_packages(status) == {'a': ('1:2', 'amd64')}


def test_fstab_parents_come_first() -> None:
    text = (
        'UUID=1 /var/lib/x ext4 defaults 0 0\nUUID=2 /var ext4\n'
        '# UUID=3 /no ext4 x\nUUID=4 none swap sw 0 0\n'
        'UUID=5 /my\\040data ext4 ro,subvol=a 0 0\n'
    )
    assert file_systems.fstab_entries(text) == [
        ('UUID=5', '/my data', 'ext4', ['ro', 'subvol=a']),
        ('UUID=2', '/var', 'ext4', []),
        ('UUID=1', '/var/lib/x', 'ext4', ['defaults']),
    ]


@pytest.mark.parametrize(
    ('names', 'is_root'),
    [
        (['bin', 'boot', 'etc', 'sbin'], True),
        (['boot', 'etc', 'usr'], True),
        (['etc', 'usr'], False),
        (['boot', 'etc', 'bin'], False),
        (['lost+found'], False),
    ],
)
def test_what_a_root_looks_like(names: list[str], is_root: bool) -> None:
    assert file_systems.is_root(names) is is_root


def test_a_script_is_never_shown() -> None:
    assert 'hunter2' not in repr(UserScript(payload='hunter2'))
