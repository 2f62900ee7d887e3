# SPDX-License-Identifier: Apache-2.0
"""The conductor's own code for what needs nothing but rows."""

from __future__ import annotations

from typing import Any

from coriolis_ng.conductor import (
    minion_pools,
    regions,
    schedules,
    services,
)
from coriolis_ng.conductor.asking import asker
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.db import api as rows
from coriolis_ng.db.session import Database
from coriolis_ng.objects.minion_pool import MinionPool, PoolSpec, PoolState
from coriolis_ng.objects.region import Region, RegionSpec
from coriolis_ng.objects.schedule import Schedule, ScheduleSpec
from coriolis_ng.objects.service import Service

Context = Any


class Resources:
    """``acted`` are the actions on pools, which only change the state."""

    database: Database

    @property
    def parts(self) -> Parts:
        nobody: Any = None
        return Parts(
            database=self.database,
            workers=nobody,
            secrets=nobody,
            key=nobody,
            seal=nobody,
            tasks={},
            recipes=nobody,
        )

    def region_create(self, context: Context, spec: RegionSpec) -> Region:
        return regions.create(self.parts, spec)

    def region_update(
        self, context: Context, id: str, changes: dict[str, Any], *rest: Any
    ) -> Region:
        return regions.update(self.parts, id, changes, *rest)

    def region_delete(self, context: Context, id: str) -> None:
        regions.delete(self.parts, id)

    def service_create(
        self, context: Context, host: str, binary: str, *rest: Any
    ) -> Service:
        return services.create(self.parts, host, binary, *rest)

    def service_update(self, context: Context, id: str, *rest: Any) -> Service:
        return services.update(self.parts, id, *rest)

    def service_delete(self, context: Context, id: str) -> None:
        services.delete(self.parts, id)

    def schedule_create(
        self, context: Context, transfer_id: str, spec: ScheduleSpec
    ) -> Schedule:
        who = asker(context)
        return schedules.create(self.parts, who, transfer_id, spec)

    def schedule_update(
        self, context: Context, id: str, changes: dict[str, Any], *rest: Any
    ) -> Schedule:
        who = asker(context)
        return schedules.update(self.parts, who, id, changes, *rest)

    def schedule_delete(self, context: Context, id: str) -> None:
        schedules.delete(self.parts, asker(context), id)

    def minion_pool_create(
        self, context: Context, spec: PoolSpec
    ) -> MinionPool:
        return minion_pools.create(self.parts, asker(context), spec)

    def minion_pool_update(
        self, context: Context, id: str, changes: dict[str, Any], *rest: Any
    ) -> MinionPool:
        who = asker(context)
        return minion_pools.update(self.parts, who, id, changes, *rest)

    def minion_pool_delete(self, context: Context, id: str) -> None:
        minion_pools.delete(self.parts, asker(context), id)

    def minion_pool_allocate(self, context: Context, id: str) -> MinionPool:
        return self._switch(id, PoolState.ALLOCATING)

    def minion_pool_refresh(self, context: Context, id: str) -> MinionPool:
        return self._switch(id, PoolState.MAINTENANCE)

    def minion_pool_deallocate(
        self, context: Context, id: str, force: bool = False
    ) -> MinionPool:
        return self._switch(id, PoolState.DEALLOCATED)

    def _switch(self, id: str, state: PoolState) -> MinionPool:
        def write(session: Any) -> MinionPool:
            rows.minion_pools.switch(
                session, id, [*PoolState], state, held_by=None, hold=None
            )
            return rows.minion_pools.get(session, id)

        return self.database.write(write)
