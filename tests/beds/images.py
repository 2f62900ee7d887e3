# SPDX-License-Identifier: Apache-2.0
"""The two images that tests boot, built once with mmdebstrap and cached.

``worker`` is a cloud image (cloud-init, NoCloud) that becomes a temporary
worker machine; ``guest`` is the machine that is replicated, with a data disk.
``python -m tests.beds.images`` builds both and prints their paths.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from tests.beds import cache

RECIPES = pathlib.Path(__file__).parent / 'recipes'
SUITE = 'bookworm'
_BASE = [
    'dbus',
    'e2fsprogs',
    'grub-pc-bin',
    'grub2-common',
    'initramfs-tools',
    'iproute2',
    'linux-image-cloud-amd64',
    'netbase',
    'openssh-server',
    'systemd-sysv',
    'udev',
]
PACKAGES = {
    'guest': [*_BASE, 'qemu-guest-agent', 'zstd'],
    'worker': [
        *_BASE,
        'busybox-static',
        'cloud-init',
        'cpio',
        'fdisk',
        'kmod',
        'lvm2',
        'lz4',
        'python3',
        'sudo',
        'xfsprogs',
    ],
}
SIZE = {'guest': '2G', 'worker': '2G'}
DATA_GIB = 1
# So that a full copy has something to move on the second disk as well.
DATA_MIB = 48


@dataclass(frozen=True)
class Image:
    """Disks of a machine, qcow2, read-only: boot overlays of them."""

    root: pathlib.Path
    data: pathlib.Path | None = None


def worker() -> Image:
    """The image of worker machines: user data comes from a NoCloud seed."""
    return _built('worker')


def guest() -> Image:
    """The replicated machine: ``/dev/vda1`` root, ``/dev/vdb`` on /data.

    Root accepts ``cache.lab_key()``. ``ticker`` appends numbered lines to
    ``/data/ticker.log`` and ``/var/lib/ticker.log`` twice a second, each
    followed by fsync.
    """
    return _built('guest')


def both() -> tuple[Image, Image]:
    """(worker, guest), built side by side when they are missing."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = pool.submit(worker), pool.submit(guest)
        return jobs[0].result(), jobs[1].result()


def _built(kind: str) -> Image:
    recipes = [RECIPES / f'{kind}.sh', RECIPES / 'disk.sh']
    key = cache.key_of(
        kind,
        SUITE,
        ' '.join(PACKAGES[kind]),
        f'{SIZE[kind]} {DATA_GIB} {DATA_MIB}',
        cache.lab_key().with_suffix('.pub').read_bytes(),
        *(path.read_bytes() for path in recipes),
    )
    folder = cache.root() / f'{kind}-{key}'
    image = Image(
        root=folder / 'root.qcow2',
        data=folder / 'data.qcow2' if kind == 'guest' else None,
    )
    with cache.lock(kind):
        if not folder.exists():
            _build(kind, folder)
            cache.forget_others(kind, folder)
    return image


def _build(kind: str, folder: pathlib.Path) -> None:
    started = time.monotonic()
    _say(f'building the {kind} image (minutes, once)')
    tree = _root_tree(kind)
    with tempfile.TemporaryDirectory(
        prefix=f'.{kind}-', dir=cache.root()
    ) as scratch:
        making = pathlib.Path(scratch) / 'image'
        making.mkdir()
        _run(
            [RECIPES / 'disk.sh', tree, RECIPES / f'{kind}.sh']
            + [making / 'root.qcow2', SIZE[kind]],
            kind,
        )
        if kind == 'guest':
            _data_disk(pathlib.Path(scratch), making / 'data.qcow2')
        making.rename(folder)
    _say(f'the {kind} image took {time.monotonic() - started:.0f} s')


def _root_tree(kind: str) -> pathlib.Path:
    """The packages alone, before the recipe; most of the time goes here."""
    key = cache.key_of(SUITE, ' '.join(sorted(PACKAGES[kind])))
    tree = cache.root() / f'packages-{kind}-{key}.tar.zst'
    if tree.exists():
        return tree
    paths = ('man', 'doc', 'locale', 'info')
    making = tree.with_name(f'.{tree.name}')
    _run(
        [
            'mmdebstrap',
            '--quiet',
            '--variant=minbase',
            '--format=tar',
            f'--include={",".join(PACKAGES[kind])}',
            '--aptopt=APT::Install-Recommends "false"',
            '--dpkgopt=force-unsafe-io',
            *(f'--dpkgopt=path-exclude=/usr/share/{p}/*' for p in paths),
            SUITE,
            making,
            *_sources(),
        ],
        kind,
    )
    making.rename(tree)
    cache.forget_others(f'packages-{kind}', tree)
    return tree


def _sources() -> list[str]:
    """Debian's own sources of this machine, as lines for sources.list.

    Other vendors' sources are left out: their keys and suites do not belong
    into the image.
    """
    form = '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)'
    command = ['apt-get', 'indextargets', '--format', form]
    command.append('Created-By: Packages')
    for attempt in range(2):
        out = subprocess.run(command, check=True, capture_output=True)
        rows = {tuple(x.split('|')) for x in out.stdout.decode().split('\n')}
        lines = sorted(
            f'deb {row[1]} {row[2]} {row[3]}'
            for row in rows
            if row[0] == 'Debian' and row[2].startswith(SUITE)
        )
        if lines or attempt:
            break
        subprocess.run(['apt-get', 'update', '-q'], check=True)
    # Without any, mmdebstrap takes the mirror that it knows by itself.
    return lines


def _data_disk(scratch: pathlib.Path, out: pathlib.Path) -> None:
    tree = scratch / 'data'
    tree.mkdir()
    with (tree / 'ballast').open('wb') as file:
        for _ in range(DATA_MIB):
            file.write(os.urandom(1 << 20))
    raw = scratch / 'data.raw'
    with raw.open('wb') as file:
        file.truncate(DATA_GIB << 30)
    _run(['mke2fs', '-q', '-t', 'ext4', '-L', 'data', '-d', tree, raw], 'data')
    _run(
        ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2']
        + ['-o', 'compat=1.1', raw, out],
        'data',
    )


def _run(command: list[str | pathlib.Path], kind: str) -> None:
    log = cache.root() / f'{kind}.log'
    env = dict(os.environ, LAB_KEY=str(cache.lab_key()))
    with log.open('ab') as file:
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=env,
        )
    if done.returncode:
        tail = log.read_text(errors='replace')[-2000:]
        raise RuntimeError(f'{command[0]} failed, see {log}:\n{tail}')


def _say(text: str) -> None:
    print(f'images: {text}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    for made in both():
        print(made.root)
