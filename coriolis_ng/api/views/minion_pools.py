# SPDX-License-Identifier: Apache-2.0
"""Minion pools as clients see them."""

from __future__ import annotations

from typing import Any

from coriolis_ng.api.schemas import minion_pools as schema
from coriolis_ng.api.schemas.parts import Json
from coriolis_ng.api.views import words
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.minion_pool import (
    MinionPool,
    PoolEvent,
    PoolMachine,
    PoolState,
    Power,
)

_STATUS: dict[PoolState, Any] = {
    PoolState.ALLOCATING: 'ALLOCATING_MACHINES',
    PoolState.DEALLOCATING: 'DEALLOCATING_MACHINES',
}
_POWER: dict[Power, Any] = {
    Power.ON: 'POWERED_ON',
    Power.OFF: 'POWERED_OFF',
}
_MASK = '***'


def minion_pool(value: MinionPool) -> schema.MinionPool:
    """With its machines and its story."""
    spec = value.spec
    platform: Any = spec.platform.value
    strategy: Any = spec.minion_retention_strategy.value
    return schema.MinionPool(
        id=value.id,
        name=spec.name,
        notes=spec.notes,
        endpoint_id=spec.endpoint_id,
        environment_options=spec.environment_options,
        os_type=spec.os_type,
        platform=platform,
        status=_STATUS.get(value.state, value.state.upper()),
        minimum_minions=spec.minimum_minions,
        maximum_minions=spec.maximum_minions,
        minion_max_idle_time=spec.minion_max_idle_time,
        minion_retention_strategy=strategy,
        minion_machines=[_machine(one) for one in value.machines],
        events=[_event(one) for one in value.events],
        user_id=value.user_id,
        project_id=value.project_id,
        busy_with=value.busy_with,
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )


def _machine(value: PoolMachine) -> schema.MinionMachine:
    status: Any = value.state.upper()
    minion = value.minion
    return schema.MinionMachine(
        id=value.id,
        pool_id=value.pool_id,
        allocation_status=status,
        power_status=_POWER.get(value.power, value.power.upper()),
        connection_info=_connection(minion) if minion else {},
        backup_writer_connection_info=_writer(minion) if minion else {},
        provider_properties={'id': minion.id} if minion else {},
        allocated_action=value.action_id,
        last_used_at=words.time(value.last_used_at),
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )


def _connection(minion: Minion) -> Json:
    if minion.ssh is None:
        return {}
    return {
        'ip': minion.ssh.host,
        'port': minion.ssh.port,
        'username': minion.ssh.user,
        'pkey': _MASK,
    }


def _writer(minion: Minion) -> Json:
    if minion.agent is None:
        return {}
    return {
        'ip': minion.agent.host,
        'port': minion.agent.port,
        'certificates': _MASK,
    }


def _event(value: PoolEvent) -> schema.PoolEvent:
    level: Any = value.level.upper()
    return schema.PoolEvent(
        id=value.id,
        pool_id=value.pool_id,
        index=value.index,
        level=level,
        message=value.message,
        created_at=words.time(value.created_at),
        updated_at=None,
    )
