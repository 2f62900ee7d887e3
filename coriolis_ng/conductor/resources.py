# SPDX-License-Identifier: Apache-2.0
"""What the API calls about regions, services, schedules and pools.

Plain methods; ``service`` makes their returns and errors answers.
"""

from __future__ import annotations

from typing import Any

import oslo_messaging

from coriolis_ng.conductor import (
    custody,
    minion_pools,
    regions,
    schedules,
    services,
)
from coriolis_ng.conductor.asking import asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.minion_pool import PoolSpec
from coriolis_ng.objects.region import RegionSpec
from coriolis_ng.objects.schedule import ScheduleSpec
from coriolis_ng.rpc import transport as bus

Plain = dict[str, Any]
Context = dict[str, Any]


class ForResources:
    """Beside ``ForUsers``, on the same topic."""

    target = oslo_messaging.Target(version=bus.VERSION)

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def region_create(self, context: Context, spec: Plain) -> Any:
        return regions.create(self._parts, from_plain(RegionSpec, spec))

    def region_update(
        self,
        context: Context,
        id: str,
        changes: Plain,
        version: int | None = None,
    ) -> Any:
        return regions.update(self._parts, id, changes, version)

    def region_delete(self, context: Context, id: str) -> None:
        regions.delete(self._parts, id)

    def service_create(
        self,
        context: Context,
        host_name: str,
        binary: str,
        enabled: bool | None = None,
        mapped_regions: list[str] | None = None,
    ) -> Any:
        return services.create(
            self._parts, host_name, binary, enabled, mapped_regions
        )

    def service_update(
        self,
        context: Context,
        id: str,
        enabled: bool | None = None,
        mapped_regions: list[str] | None = None,
        seen: str | None = None,
    ) -> Any:
        return services.update(self._parts, id, enabled, mapped_regions, seen)

    def service_delete(self, context: Context, id: str) -> None:
        services.delete(self._parts, id)

    def schedule_create(
        self, context: Context, transfer_id: str, spec: Plain
    ) -> Any:
        given = from_plain(ScheduleSpec, spec)
        return schedules.create(
            self._parts, asker(context), transfer_id, given
        )

    def schedule_update(
        self,
        context: Context,
        id: str,
        changes: Plain,
        version: int | None = None,
    ) -> Any:
        who = asker(context)
        return schedules.update(self._parts, who, id, changes, version)

    def schedule_delete(self, context: Context, id: str) -> None:
        schedules.delete(self._parts, asker(context), id)

    def minion_pool_create(self, context: Context, spec: Plain) -> Any:
        given = from_plain(PoolSpec, spec)
        return custody.pool_create(self._parts, asker(context), given)

    def minion_pool_update(
        self,
        context: Context,
        id: str,
        changes: Plain,
        version: int | None = None,
    ) -> Any:
        who = asker(context)
        return custody.pool_update(self._parts, who, id, changes, version)

    def minion_pool_delete(self, context: Context, id: str) -> None:
        custody.pool_delete(self._parts, asker(context), id)

    def minion_pool_allocate(self, context: Context, id: str) -> Any:
        return minion_pools.allocate(self._parts, asker(context), id)

    def minion_pool_refresh(self, context: Context, id: str) -> Any:
        return minion_pools.refresh(self._parts, asker(context), id)

    def minion_pool_deallocate(
        self, context: Context, id: str, force: bool = False
    ) -> Any:
        return minion_pools.deallocate(
            self._parts, asker(context), id, force=force
        )
