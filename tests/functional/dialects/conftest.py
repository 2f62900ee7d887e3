# SPDX-License-Identifier: Apache-2.0
"""What the contracts of all three generations are told with."""

from __future__ import annotations

import pytest

from tests.functional.dialects.rest import Rest
from tests.functional.world import Watcher, World


@pytest.fixture
def rest(world: World, watcher: Watcher) -> Rest:
    return Rest(world, watcher)
