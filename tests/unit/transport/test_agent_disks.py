# SPDX-License-Identifier: Apache-2.0
"""Which devices the agent opens, and the program that is pushed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from coriolis_ng.transport import agent_program
from coriolis_ng.transport.agent.disks import Disk, disks_of, find_serial
from coriolis_ng.transport.agent.server import (
    BadConfig,
    load_config,
    read_config,
)


def block(root: Path, name: str, serial: str, where: str = 'serial') -> None:
    path = root / 'sys/block' / name / where
    path.parent.mkdir(parents=True)
    path.write_text(serial + '\n')


def test_by_the_link_that_udev_made(tmp_path: Path) -> None:
    links = tmp_path / 'dev/disk/by-id'
    links.mkdir(parents=True)
    # virtio-blk keeps 20 characters of a serial.
    (links / 'virtio-0123456789abcdefghij').write_text('')
    found = find_serial('0123456789abcdefghijklmnop', str(tmp_path))
    assert found == str(links / 'virtio-0123456789abcdefghij')


def test_by_sysfs(tmp_path: Path) -> None:
    block(tmp_path, 'vda', 'root-disk')
    block(tmp_path, 'vdb', '0123456789abcdefghij')
    block(tmp_path, 'sda', 'vol-2', 'device/serial')
    root = str(tmp_path)
    serial = '0123456789abcdefghijklmnop'
    assert find_serial(serial, root) == str(tmp_path / 'dev/vdb')
    assert find_serial('vol-2', root) == str(tmp_path / 'dev/sda')


def test_no_device_or_two_are_an_error(tmp_path: Path) -> None:
    block(tmp_path, 'vda', 'twin')
    block(tmp_path, 'vdb', 'twin')
    for serial in ('twin', 'vol', ''):
        with pytest.raises(OSError, match='devices with serial'):
            find_serial(serial, str(tmp_path))


@pytest.mark.parametrize(
    'config',
    [
        {'../etc': '/dev/vda'},
        {'a/b': '/dev/vda'},
        {'': '/dev/vda'},
        {'a': 'dev/vda'},
        {'a': 5},
        {'a': {}},
        {'a': {'serial': '../../x'}},
    ],
)
def test_bad_disks(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r'.'):
        disks_of(config)


def test_a_directory_or_a_tty_is_no_disk() -> None:
    with pytest.raises(OSError, match='not a disk'):
        Disk('null', '/dev/null').open()


@pytest.mark.parametrize(
    'text',
    [
        'no json',
        '[]',
        '{}',
        '{"listen": "::1", "cert": "c", "key": "k", "ca": "a"}',
        '{"listen": "::1", "cert": "c", "key": "k", "ca": "a",'
        ' "disks": {}, "port": "x"}',
        '{"listen": "::1", "cert": "c", "key": "k", "ca": "a",'
        ' "disks": {}, "unknown": 1}',
    ],
)
def test_bad_configurations(text: str) -> None:
    with pytest.raises(BadConfig):
        load_config(text)


def test_a_configuration_that_others_can_read_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / 'agent.json'
    path.write_text('{}')
    path.chmod(0o640)
    with pytest.raises(BadConfig, match='0600'):
        read_config(str(path))
    path.chmod(0o600)
    assert read_config(str(path)) == '{}'


def test_the_program_is_one_reproducible_file() -> None:
    program = agent_program()
    assert program == agent_program()
    assert program.startswith(b'#!')
    names = zipfile.ZipFile(io.BytesIO(program)).namelist()
    assert '__main__.py' in names
    assert 'coriolis_agent/server.py' in names
    assert len(program) < 32_000
