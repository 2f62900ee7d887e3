# SPDX-License-Identifier: Apache-2.0
"""Marks for what needs real servers."""

from __future__ import annotations

import pathlib

import pytest

# Keystone and Barbican may have to be installed first, once.
SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(SECONDS))
            item.add_marker(pytest.mark.services)
