# SPDX-License-Identifier: Apache-2.0
"""Names in initrds of every form that distributions make."""

from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from coriolis_ng.morphing.far import initrd
from coriolis_ng.morphing.testing import cpio

NAMES = ['lib/a.ko', 'kernel/drivers/block/virtio_blk.ko.xz', 'x' * 300]
EARLY = cpio(['kernel/x86/microcode/GenuineIntel.bin'])


def program(*command: str) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        return subprocess.run(
            command, input=data, capture_output=True, check=True
        ).stdout

    return pack


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    'plain': bytes,
    'gzip': gzip.compress,
    'xz': lzma.compress,
    'lzma': lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    'zstd': program('zstd', '-q'),
    'lz4': program('lz4', '-lq'),
    'bzip2': program('bzip2'),
}


@pytest.mark.parametrize('form', PACKERS)
@pytest.mark.parametrize('early', [b'', EARLY + b'\0' * 700])
def test_names(tmp_path: Path, form: str, early: bytes) -> None:
    if form in ('zstd', 'lz4', 'bzip2') and not shutil.which(form):
        pytest.skip(f'{form} is not installed')
    path = tmp_path / 'initrd'
    packed = PACKERS[form](cpio(NAMES) + b'\0' * 512)
    path.write_bytes(early + packed)
    found = initrd.names(str(path))
    assert found[-3:] == NAMES
    assert len(found) == 3 + bool(early)


def test_file_contents_are_skipped(tmp_path: Path) -> None:
    big = b'070701' + b'\0' * 0
    fields = [1, 0o100644, 0, 0, 1, 0, 700_001, 0, 0, 0, 0, 4, 0]
    big += b''.join(b'%08X' % field for field in fields) + b'big\0'
    big += b'\0' * (-len(big) % 4) + b'070701' * 116_666 + b'12345' + b'\0' * 3
    path = tmp_path / 'initrd'
    path.write_bytes(gzip.compress(big + cpio(['after'])))
    assert initrd.names(str(path)) == ['big', 'after']


@pytest.mark.parametrize(
    'data', [b'not an initrd', cpio(['a'])[:100], b'\x1f\x8b broken gzip']
)
def test_what_is_no_initrd(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / 'initrd'
    path.write_bytes(data)
    with pytest.raises(initrd.Unreadable):
        initrd.names(str(path))
