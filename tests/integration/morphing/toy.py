# SPDX-License-Identifier: Apache-2.0
"""A disk with a toy guest: real file systems, and a shell that can really
be entered by chroot, but no kernel that boots."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT_UUID = '11111111-2222-4333-8444-555555555555'
DATA_UUID = '66666666-7777-4888-9999-aaaaaaaaaaaa'
MIB = 1024 * 1024
TABLE = """label: dos
start=2048, size=81920, type=83, bootable
start=83968, type=83
"""
FILES = {
    'etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Toy 12"\n',
    'etc/fstab': '/dev/sda1 / ext4 defaults 0 1\n'
    'LABEL=data /srv/data ext4 defaults 0 2\n'
    'UUID=0000-dead /srv/lost ext4 nofail 0 2\n',
    'etc/network/interfaces': 'auto ens3\niface ens3 inet dhcp\n',
    'var/lib/dpkg/status': 'Package: dpkg\nStatus: install ok installed\n'
    'Architecture: amd64\nVersion: 1.21\n\nPackage: ifupdown\n'
    'Status: install ok installed\nArchitecture: amd64\nVersion: 0.8\n',
    'boot/vmlinuz-6.1-toy': 'kernel',
    'lib/modules/6.1-toy/modules.builtin': 'kernel/drivers/virtio/virtio.ko\n',
    'lib/modules/6.1-toy/modules.dep': 'kernel/virtio_blk.ko:\n'
    'kernel/virtio_pci.ko.xz:\n',
    'boot/grub/grub.cfg': 'linux /boot/vmlinuz-6.1-toy root=/dev/sda1 ro\n',
    'etc/default/grub': 'GRUB_CMDLINE_LINUX=""\n',
    'usr/sbin/update-grub': '#!/bin/sh\n'
    'test -e /dev/null && test -e /proc/self && touch /run/seen || exit 1\n'
    'echo "linux root=UUID=made-by-guest" > /boot/grub/grub.cfg\n',
    # The smallest initrd: two names of modules in a cpio archive.
    'usr/sbin/update-initramfs': '#!/bin/sh\ncd /usr/share/toy || exit 1\n'
    'while read -r line; do echo "$line"; done <initrd '
    '> "/boot/initrd.img-$3"\n',
    'srv/data/.hidden': '',
    'dev/.keep': '',
    'proc/.keep': '',
    'sys/.keep': '',
    'run/.keep': '',
}


def cpio(names: list[str]) -> bytes:
    """A cpio archive ("newc") of empty files."""
    made = b''
    for number, name in enumerate([*names, 'TRAILER!!!'], 1):
        fields = [number, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        fields += [len(name) + 1, 0]
        entry = b'070701' + b''.join(b'%08X' % field for field in fields)
        entry += name.encode() + b'\0'
        made += entry + b'\0' * (-len(entry) % 4)
    return made


def make_tree(folder: Path) -> None:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if '/sbin/' in name:
            path.chmod(0o755)
    for program in ('sh', 'touch', 'cp', 'cat', 'env'):
        _copy_program(folder, program)
    share = folder / 'usr/share/toy'
    share.mkdir(parents=True)
    (share / 'initrd').write_bytes(
        cpio(['lib/virtio_blk.ko', 'lib/virtio_pci.ko.xz'])
    )
    text = (folder / 'usr/sbin/update-initramfs').read_text()
    head = text.partition('while')[0]
    (folder / 'usr/sbin/update-initramfs').write_text(
        head + 'cp initrd "/boot/initrd.img-$3"\n'
    )


def _copy_program(folder: Path, program: str) -> None:
    source = Path(shutil.which(program) or program)
    target = folder / 'bin' / program
    target.parent.mkdir(exist_ok=True)
    shutil.copy(source.resolve(), target)
    told = subprocess.run(
        ['ldd', source], capture_output=True, text=True, check=True
    ).stdout
    for library in re.findall(r'(/\S+)', told):
        copy = folder / library.lstrip('/')
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(library).resolve(), copy)


def make_disk(image: Path, tree: Path) -> None:
    """A DOS-partitioned disk: the tree on the first, data on the second."""
    with image.open('wb') as file:
        file.truncate(64 * MIB)
    subprocess.run(['sfdisk', '-q', image], input=TABLE, text=True, check=True)
    data = tree.parent / 'data'
    data.mkdir()
    (data / 'precious').write_text('data\n')
    for offset, blocks, uuid, label, folder in (
        (2048, 10240, ROOT_UUID, 'toy', tree),
        (83968, 5000, DATA_UUID, 'data', data),
    ):
        subprocess.run(
            ['mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096']
            + ['-U', uuid, '-L', label, '-d', folder]
            + ['-E', f'offset={offset * 512}', image, str(blocks)],
            check=True,
        )


@contextlib.contextmanager
def loop(image: Path) -> Iterator[str]:
    """The image as a block device."""
    made = subprocess.run(
        ['losetup', '-P', '-f', '--show', image],
        capture_output=True,
        text=True,
        check=True,
    )
    device = made.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(
            ['partx', '-d', device], capture_output=True, check=False
        )
        subprocess.run(['losetup', '-d', device], check=True)
