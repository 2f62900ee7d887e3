# SPDX-License-Identifier: Apache-2.0
"""Disks and certificates for the suites of readers and sinks."""

from __future__ import annotations

from pathlib import Path

import pytest

from coriolis_ng.transport import Certificates, make_certificates
from coriolis_ng.transport.testing import make_disk


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / 'disk.raw'
    make_disk(path)
    return path


@pytest.fixture(scope='session')
def certificates() -> Certificates:
    return make_certificates(['127.0.0.1'])
