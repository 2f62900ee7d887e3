# SPDX-License-Identifier: Apache-2.0
"""A guest's links and files never lead out of its tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coriolis_ng.morphing.root import LocalRoot


@pytest.fixture
def root(tmp_path: Path) -> LocalRoot:
    (tmp_path / 'outside').write_text('secret of the worker')
    (tmp_path / 'guest/etc').mkdir(parents=True)
    return LocalRoot(tmp_path / 'guest')


@pytest.mark.parametrize(
    'target',
    ['../outside', '../../../../outside', '/../outside', '/outside'],
)
def test_links_stay_inside(root: LocalRoot, target: str) -> None:
    root.symlink(target, '/etc/link')
    root.write('/etc/link', 'inside')
    top = Path(root.top)
    assert (top.parent / 'outside').read_text() == 'secret of the worker'
    assert (top / 'outside').read_text() == 'inside' or (
        top / 'etc/outside'
    ).read_text() == 'inside'


def test_a_linked_folder_stays_inside(root: LocalRoot) -> None:
    root.symlink('/', '/etc/top')
    root.symlink('/etc/top/etc/top/../..', '/up')
    root.write('/up/etc/top/made', 'x')
    assert root.list('/') == ['etc', 'made', 'up']


def test_dots_in_a_path_stay_inside(root: LocalRoot) -> None:
    assert not root.exists('/../outside')
    assert root.text('../../outside') == ''


def test_links_in_a_circle_end(root: LocalRoot) -> None:
    root.symlink('/b', '/a')
    root.symlink('/a', '/b')
    with pytest.raises(OSError, match='too many links'):
        root.read('/a')


def test_a_pipe_is_not_read(root: LocalRoot) -> None:
    os.mkfifo(Path(root.top) / 'pipe')
    with pytest.raises(OSError, match='not a regular file'):
        root.read('/pipe')


def test_a_file_keeps_its_mode(root: LocalRoot) -> None:
    root.write('/etc/shadow', 'a', 0o640)
    root.write('/etc/shadow', 'b')
    path = Path(root.top) / 'etc/shadow'
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_text() == 'b'
    assert root.list('/etc') == ['shadow']


def test_remove_and_rename_mean_the_link(root: LocalRoot) -> None:
    root.write('/real', 'x')
    root.symlink('/real', '/link')
    root.rename('/link', '/other')
    assert root.kind('/other') == 'link'
    assert root.readlink('/other') == '/real'
    assert root.remove('/other')
    assert not root.remove('/other')
    assert root.text('/real') == 'x'


def test_bytes_that_are_no_utf8_survive(root: LocalRoot) -> None:
    root.write('/etc/odd', b'caf\xe9\n')
    root.write('/etc/odd', root.text('/etc/odd') + 'more')
    assert root.read('/etc/odd') == b'caf\xe9\nmore'
