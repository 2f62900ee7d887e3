# SPDX-License-Identifier: Apache-2.0
"""One real sshd for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coriolis_ng.remote import ssh
from tests.unit.remote.sshd import SSHD, Sshd, running_sshd


@pytest.fixture(scope='session')
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not SSHD.exists():
        pytest.skip('openssh-server is not installed')
    with running_sshd(tmp_path_factory.mktemp('sshd')) as server:
        yield server


@pytest.fixture
def connected(sshd: Sshd) -> Iterator[ssh.Ssh]:
    with sshd.connect() as connection:
        yield connection
