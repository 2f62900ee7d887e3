# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about minion pools."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    Json,
    Name,
    PageQuery,
    Request,
    Stamped,
    Text,
    Time,
)

OsType = Literal['linux', 'windows']
Platform = Literal['source', 'destination']
Strategy = Literal['delete', 'poweroff']
Count = Annotated[int, Meta(ge=1, le=100)]
Least = Annotated[int, Meta(ge=0, le=100)]
Seconds = Annotated[int, Meta(ge=1, le=366 * 86400)]

Status = Literal[
    'DEALLOCATED',
    'ALLOCATING_MACHINES',
    'ALLOCATED',
    'IN_MAINTENANCE',
    'DEALLOCATING_MACHINES',
    'ERROR',
]
MachineStatus = Literal[
    'UNINITIALIZED',
    'ALLOCATING',
    'AVAILABLE',
    'IN_USE',
    'DEALLOCATING',
    'ERROR',
]
PowerStatus = Literal['UNINITIALIZED', 'POWERED_ON', 'POWERED_OFF', 'UNKNOWN']


class NewMinionPool(Request):
    """``environment_options`` are checked by the provider's schema;
    ``minion_max_idle_time`` is in seconds. With ``skip_allocation`` no
    machine is made before ``allocate``."""

    name: Name
    endpoint_id: Id
    os_type: OsType
    platform: Platform
    environment_options: Json
    minimum_minions: Least | None = None
    maximum_minions: Count | None = None
    minion_max_idle_time: Seconds | None = None
    minion_retention_strategy: Strategy | None = None
    notes: Text | None = None
    skip_allocation: bool | None = None


class CreateMinionPool(Request):
    minion_pool: NewMinionPool


class MinionPoolChanges(Request):
    """Null changes nothing, but removes notes."""

    name: Name | None | UnsetType = UNSET
    os_type: OsType | None | UnsetType = UNSET
    environment_options: Json | None | UnsetType = UNSET
    minimum_minions: Least | None | UnsetType = UNSET
    maximum_minions: Count | None | UnsetType = UNSET
    minion_max_idle_time: Seconds | None | UnsetType = UNSET
    minion_retention_strategy: Strategy | None | UnsetType = UNSET
    notes: Text | None | UnsetType = UNSET
    # Present only to be refused with a sentence that says why.
    endpoint_id: Id | None | UnsetType = UNSET
    platform: Platform | None | UnsetType = UNSET


class UpdateMinionPool(Request):
    minion_pool: MinionPoolChanges


class Deallocate(Request):
    """``force`` removes machines that are in use as well."""

    force: bool | None = None


class MinionPoolsQuery(PageQuery):
    pass


class MinionMachine(Stamped):
    """``allocated_action`` is the transfer or deployment that uses it; of
    the access to it no key is shown."""

    id: str
    pool_id: str
    allocation_status: MachineStatus
    power_status: PowerStatus
    connection_info: Json
    backup_writer_connection_info: Json
    provider_properties: Json
    allocated_action: str | None
    last_used_at: Time | None


class PoolEvent(Stamped):
    id: str
    pool_id: str
    index: int
    level: Literal['INFO', 'WARNING', 'ERROR']
    message: str


class MinionPool(Stamped):
    """``busy_with`` (the execution that changes the pool) is beside what
    other releases knew; ``maintenance_trust_id`` is never told."""

    id: str
    name: str
    notes: str | None
    endpoint_id: str
    environment_options: Json
    os_type: str
    platform: Platform
    status: Status
    minimum_minions: int
    maximum_minions: int
    minion_max_idle_time: int
    minion_retention_strategy: Strategy
    minion_machines: list[MinionMachine]
    events: list[PoolEvent]
    user_id: str
    project_id: str
    busy_with: str | None
    shared_resources: Json = {}
    maintenance_trust_id: None = None
    progress_updates: list[Json] = []


class MinionPoolAnswer(Answer):
    minion_pool: MinionPool


class MinionPoolsAnswer(Answer):
    minion_pools: list[MinionPool]
