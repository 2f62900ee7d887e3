# SPDX-License-Identifier: Apache-2.0
"""A real Debian with grub, whose own tools run in its chroot."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng.morphing import pipeline
from coriolis_ng.morphing.target import Target
from coriolis_ng.remote import ssh
from tests.beds import images
from tests.integration.morphing import toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[list[str]]:
    image = images.guest()
    assert image.data is not None
    devices = []
    with contextlib.ExitStack() as stack:
        for path in (image.root, image.data):
            raw = tmp_path / path.with_suffix('.raw').name
            subprocess.run(
                ['qemu-img', 'convert', '-O', 'raw', path, raw], check=True
            )
            devices.append(stack.enter_context(toy.loop(raw)))
        yield devices


def content(device: str, path: str) -> str:
    return subprocess.run(
        ['debugfs', '-R', f'cat {path}', device],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def uuid_of(device: str) -> str:
    return subprocess.run(
        ['blkid', '-p', '-o', 'value', '-s', 'UUID', device],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_a_real_guest_with_its_initrd_rebuilt(
    worker_ssh: ssh.Ssh, disks: list[str]
) -> None:
    notes: list[str] = []
    made = pipeline.morph(
        worker_ssh,
        Target(package_source=False, force_initrd=True, disk_bus='scsi'),
        serials=disks,
        note=notes.append,
    )
    print(made, notes)  # noqa: T201  # for whoever reads a failure
    assert made.stages == (
        'remove_tools',
        'network_dhcp',
        'cloud_init',
        'fstab',
        'initrd',
        'grub',
    )
    assert [run.error for run in made.runs] == [''] * 6
    assert made.guest.tools == ('open-vm-tools',)
    places = {(f.disk, f.partition): f for f in made.guest.file_systems}
    assert places[0, 1] == made.guest.root
    assert places[1, 0].label == 'data'
    (kernel,) = made.guest.kernels
    assert not kernel.unreadable
    assert 'virtio_blk' in kernel.early
    root, data = uuid_of(f'{disks[0]}p1'), uuid_of(disks[1])
    fstab = content(f'{disks[0]}p1', '/etc/fstab')
    assert f'UUID={root} / ext4' in fstab
    assert f'UUID={data} /data ext4' in fstab
    grub = content(f'{disks[0]}p1', '/boot/grub/grub.cfg')
    assert f'root=UUID={root}' in grub
    assert 'root=/dev/' not in grub
    status = content(f'{disks[0]}p1', '/var/lib/dpkg/status')
    assert 'Package: open-vm-tools' not in status


def test_nothing_is_rebuilt_without_need(
    worker_ssh: ssh.Ssh, disks: list[str]
) -> None:
    made = pipeline.morph(
        worker_ssh, Target(package_source=False), serials=disks
    )
    assert 'initrd' not in made.stages
