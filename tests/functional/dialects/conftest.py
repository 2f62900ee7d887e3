# SPDX-License-Identifier: Apache-2.0
"""What the contracts of all three generations are told with."""

from __future__ import annotations

import pathlib

import pytest

from tests.functional.dialects.rest import Rest
from tests.functional.world import Watcher, World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a body means hardly depends on the way we run: of what is told
    to many processes, a part is left to the thorough runs."""
    here = pathlib.Path(__file__).parent
    several = [
        item
        for item in items
        if here in item.path.parents and '[processes' in item.name
    ]
    for number, item in enumerate(several):
        if number % 4:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture
def rest(world: World, watcher: Watcher) -> Rest:
    return Rest(world, watcher)
