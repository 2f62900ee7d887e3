# SPDX-License-Identifier: Apache-2.0
"""One service behind a real Keystone and Barbican for all tests here."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.beds import memory

# Keystone and Barbican may have to be installed first, once.
SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(SECONDS))
            item.add_marker(pytest.mark.services)


@pytest.fixture
def source(tmp_path: pathlib.Path) -> Iterator[memory.MemoryCloud]:
    with memory.started(tmp_path, 'source') as cloud:
        yield cloud


@pytest.fixture
def destination(tmp_path: pathlib.Path) -> Iterator[memory.MemoryCloud]:
    with memory.started(tmp_path, 'destination') as cloud:
        yield cloud
