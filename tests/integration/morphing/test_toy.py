# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline on a disk image, over SSH to this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from coriolis_ng import errors
from coriolis_ng.morphing import pipeline
from coriolis_ng.morphing.target import Phase, Target, UserScript
from coriolis_ng.remote import ssh
from tests.integration.morphing import toy

TARGET = Target(package_source=False)


def content(device: str, part: int, path: str) -> str:
    """A file of the image, without mounting it."""
    return subprocess.run(
        ['debugfs', '-R', f'cat {path}', f'{device}p{part}'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def mounts(device: str) -> list[str]:
    """What this machine has mounted of it, or for any guest."""
    lines = Path('/proc/mounts').read_text().splitlines()
    return [x for x in lines if x.startswith(device) or '/coriolis-g' in x]


def test_a_toy_guest_is_adapted(
    worker_ssh: ssh.Ssh, toy_disk: str, tmp_path: Path
) -> None:
    notes: list[str] = []
    made = pipeline.morph(
        worker_ssh, TARGET, serials=[toy_disk], note=notes.append
    )
    assert made.stages == ('network_dhcp', 'fstab', 'initrd', 'grub')
    assert made.guest.root is not None
    assert made.guest.root.device == f'{toy_disk}p1'
    assert [
        (one.disk, one.partition, one.uuid) for one in made.guest.file_systems
    ] == [(0, 1, toy.ROOT_UUID), (0, 2, toy.DATA_UUID)]
    assert mounts(toy_disk) == []
    fstab = content(toy_disk, 1, '/etc/fstab')
    assert fstab.startswith(f'UUID={toy.ROOT_UUID} / ext4')
    assert content(toy_disk, 1, '/boot/grub/grub.cfg') == (
        'linux root=UUID=made-by-guest\n'
    )
    assert 'virtio_blk' in content(toy_disk, 1, '/boot/initrd.img-6.1-toy')
    assert 'auto /e*' in content(toy_disk, 1, '/etc/network/interfaces')
    # What programs in the guest wrote to /run is not in it.
    assert content(toy_disk, 1, '/run/seen') == ''
    assert any('UUID=0000-dead' in note for note in notes)
    assert not list(Path('/run').glob('coriolis-guest-*'))


def test_twice_changes_nothing_more(
    worker_ssh: ssh.Ssh, toy_disk: str
) -> None:
    pipeline.morph(worker_ssh, TARGET, serials=[toy_disk])
    notes: list[str] = []
    again = pipeline.morph(
        worker_ssh, TARGET, serials=[toy_disk], note=notes.append
    )
    assert 'initrd' not in again.stages
    assert 'grub: grub.cfg already fits; it is not made anew.' in notes
    kept = content(toy_disk, 1, '/etc/network/interfaces.bak')
    assert kept == toy.FILES['etc/network/interfaces']


def test_user_scripts_see_every_file_system(
    worker_ssh: ssh.Ssh, toy_disk: str
) -> None:
    scripts = (
        UserScript(payload='echo "before:$1"\n', phase=Phase.PRE_MOUNT),
        UserScript(
            payload='#!/bin/bash -e\ncat "$1/srv/data/precious"\n'
            'echo more >> "$1/srv/data/precious"\n'
        ),
    )
    notes: list[str] = []
    pipeline.morph(
        worker_ssh,
        Target(package_source=False, user_scripts=scripts),
        serials=[toy_disk],
        note=notes.append,
    )
    assert '  before:' in notes
    assert 'user_scripts:   data' in notes
    assert content(toy_disk, 2, '/precious') == 'data\nmore\n'
    assert not list(Path('/run').glob('coriolis-user-script*'))


def test_a_failing_script_fails_and_unmounts(
    worker_ssh: ssh.Ssh, toy_disk: str
) -> None:
    scripts = (UserScript(payload='echo broken >&2; exit 7'),)
    with pytest.raises(pipeline.MorphError, match='user_scripts') as caught:
        pipeline.morph(
            worker_ssh, Target(user_scripts=scripts), serials=[toy_disk]
        )
    assert caught.value.detail == 'broken'
    assert mounts(toy_disk) == []


def test_stopping_ends_the_command_and_unmounts(
    worker_ssh: ssh.Ssh, toy_disk: str, tmp_path: Path
) -> None:
    begun = tmp_path / 'begun'
    scripts = (UserScript(payload=f'touch {begun}; exec sleep 987'),)
    with pytest.raises(errors.Canceled):
        pipeline.morph(
            worker_ssh,
            Target(user_scripts=scripts),
            serials=[toy_disk],
            stop=begun.exists,
        )
    for _ in range(100):
        left = worker_ssh.run(
            ['pgrep', '-f', 'slee[p] 987'], check=False
        ).stdout
        free = subprocess.run(
            ['e2fsck', '-n', f'{toy_disk}p1'], capture_output=True, check=False
        )
        folders = list(Path('/run').glob('coriolis-guest-*'))
        if not (left or folders) and b'is mounted' not in free.stderr:
            break
    assert left == ''
    assert folders == []
    assert not list(Path('/run').glob('coriolis-user-script*'))


def test_a_disk_that_is_not_there(worker_ssh: ssh.Ssh) -> None:
    from coriolis_ng.morphing.mounts import partitions

    old, partitions.APPEAR_SECONDS = partitions.APPEAR_SECONDS, 1
    try:
        with pytest.raises(errors.NotFound, match='no-such-serial'):
            pipeline.morph(worker_ssh, TARGET, serials=['no-such-serial'])
    finally:
        partitions.APPEAR_SECONDS = old


def test_the_workers_own_disk_is_refused(worker_ssh: ssh.Ssh) -> None:
    own = subprocess.run(
        ['findmnt', '-n', '-o', 'SOURCE', '/'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if not own.startswith('/dev/'):
        pytest.skip('the root of this machine is not on a block device')
    with pytest.raises(errors.Conflict, match='itself'):
        pipeline.morph(worker_ssh, TARGET, serials=[own])


def test_a_disk_without_a_guest(worker_ssh: ssh.Ssh, tmp_path: Path) -> None:
    image = tmp_path / 'empty.img'
    with image.open('wb') as file:
        file.truncate(8 * toy.MIB)
    with (
        toy.loop(image) as device,
        pytest.raises(errors.Unsupported, match='root file system'),
    ):
        pipeline.morph(worker_ssh, TARGET, serials=[device])
