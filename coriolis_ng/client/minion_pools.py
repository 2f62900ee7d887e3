# SPDX-License-Identifier: Apache-2.0
"""Minion pools: worker VMs that are kept ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection
from coriolis_ng.client.resource import Resource, Stamped


class MinionMachine(Stamped):
    """A worker VM; no key of it is shown."""

    pool_id: str
    allocation_status: str
    power_status: str
    connection_info: Json
    allocated_action: str | None
    last_used_at: str | None


class PoolEvent(Stamped):
    """Something that happened to a pool."""

    index: int
    level: str
    message: str


class MinionPool(Stamped):
    """``minion_max_idle_time`` is in seconds."""

    parts: ClassVar[Mapping[str, type[Resource]]] = {
        'minion_machines': MinionMachine,
        'events': PoolEvent,
    }

    name: str
    notes: str | None
    endpoint_id: str
    environment_options: Json
    os_type: str
    platform: str
    status: str
    minimum_minions: int
    maximum_minions: int
    minion_max_idle_time: int
    minion_retention_strategy: str
    minion_machines: list[MinionMachine]
    events: list[PoolEvent]
    busy_with: str | None


class MinionPools(Collection[MinionPool]):
    path, one, many = '/minion_pools', 'minion_pool', 'minion_pools'
    kind = MinionPool

    def allocate(self, id: str) -> MinionPool:
        """Starts to make its machines."""
        return self._act(id, 'allocate')

    def refresh(self, id: str) -> MinionPool:
        """Starts to check its machines."""
        return self._act(id, 'refresh')

    def deallocate(self, id: str, force: bool = False) -> MinionPool:
        """Starts to remove its machines; with ``force`` also those that
        are in use."""
        return self._act(id, 'deallocate', {'force': force})

    def _act(self, id: str, action: str, value: Any = None) -> MinionPool:
        return self.made(self.act(id, action, value)[self.one])
