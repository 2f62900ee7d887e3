# SPDX-License-Identifier: Apache-2.0
"""Worker VMs that are kept ready for executions."""

from __future__ import annotations

import datetime
import enum
from typing import Any

from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.value import Value


class PoolPlatform(enum.StrEnum):
    """Which end of transfers the machines are for."""

    SOURCE = 'source'
    DESTINATION = 'destination'


class PoolState(enum.StrEnum):
    DEALLOCATED = 'deallocated'
    ALLOCATING = 'allocating'
    ALLOCATED = 'allocated'
    MAINTENANCE = 'in_maintenance'
    DEALLOCATING = 'deallocating'
    ERROR = 'error'


class IdleStrategy(enum.StrEnum):
    """What becomes of a machine that is idle for too long."""

    DELETE = 'delete'
    POWEROFF = 'poweroff'


class MachineState(enum.StrEnum):
    UNINITIALIZED = 'uninitialized'
    ALLOCATING = 'allocating'
    AVAILABLE = 'available'
    IN_USE = 'in_use'
    DEALLOCATING = 'deallocating'
    ERROR = 'error'


class Power(enum.StrEnum):
    UNINITIALIZED = 'uninitialized'
    ON = 'on'
    OFF = 'off'
    UNKNOWN = 'unknown'


class PoolSpec(Value):
    """What a user says about a pool."""

    name: str
    endpoint_id: str
    platform: PoolPlatform
    os_type: str = 'linux'
    environment_options: dict[str, Any] = {}
    minimum_minions: int = 1
    maximum_minions: int = 1
    minion_max_idle_time: int = 1  # seconds
    minion_retention_strategy: IdleStrategy = IdleStrategy.DELETE
    notes: str | None = None


class PoolMachine(Value):
    """``minion`` says how it is reached, once it was made; ``claimed_by``
    is the execution that uses it, ``action_id`` the transfer's or the
    deployment's id. ``options`` are the pool's, where it was read alone."""

    id: str
    pool_id: str
    state: MachineState
    power: Power = Power.UNINITIALIZED
    minion: Minion | None = None
    claimed_by: str | None = None
    instance: str = ''
    action_id: str | None = None
    last_used_at: datetime.datetime | None = None
    options: dict[str, Any] = {}
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None

    def owned(self) -> frozenset[str]:
        """The ids of what cleanups must leave alone; what hangs on it has
        it as its parent."""
        return frozenset([self.minion.id] if self.minion else [])

    @property
    def key(self) -> str | None:
        """The reference of the private key with which it is reached."""
        ssh = self.minion.ssh if self.minion else None
        return ssh.key if ssh and ssh.key else None


class PoolEvent(Value):
    """Something that happened to a pool, for its users."""

    id: str
    pool_id: str
    index: int
    message: str
    level: Level = Level.INFO
    created_at: datetime.datetime | None = None


class MinionPool(Value):
    """``busy_with`` is the id of the execution that changes it."""

    id: str
    project_id: str
    user_id: str
    spec: PoolSpec
    state: PoolState = PoolState.DEALLOCATED
    busy_with: str | None = None
    machines: tuple[PoolMachine, ...] = ()
    events: tuple[PoolEvent, ...] = ()
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
