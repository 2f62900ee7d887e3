# SPDX-License-Identifier: Apache-2.0
"""A worker machine: this one, over a real sshd."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coriolis_ng.remote import ssh
from tests.integration.morphing import toy
from tests.unit.remote.sshd import SSHD, running_sshd


@pytest.fixture(scope='session')
def worker_ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssh.Ssh]:
    if not SSHD.exists() or os.geteuid() != 0:
        pytest.skip('needs openssh-server, and root for loop devices')
    folder = tmp_path_factory.mktemp('sshd')
    with running_sshd(folder) as server, server.connect() as connection:
        yield connection


@pytest.fixture
def toy_disk(tmp_path: Path) -> Iterator[str]:
    tree = tmp_path / 'tree'
    toy.make_tree(tree)
    toy.make_disk(tmp_path / 'disk.img', tree)
    with toy.loop(tmp_path / 'disk.img') as device:
        yield device
