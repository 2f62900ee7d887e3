# SPDX-License-Identifier: Apache-2.0
"""What to keep in sync, from where to where."""

from __future__ import annotations

import datetime
import enum
from typing import Any

from coriolis_ng.objects.bandwidth import Bandwidth
from coriolis_ng.objects.value import Value


class Scenario(enum.StrEnum):
    REPLICA = 'replica'
    LIVE_MIGRATION = 'live_migration'


class DiskMapping(Value):
    disk_id: str
    destination: str


class BackendMapping(Value):
    source: str
    destination: str


class StorageMappings(Value):
    """Where volumes go: by disk, else by backend, else the default."""

    default: str | None = None
    backend_mappings: tuple[BackendMapping, ...] = ()
    disk_mappings: tuple[DiskMapping, ...] = ()

    def destination(self, disk_id: str, backend: str) -> str | None:
        """The storage for a disk; None leaves it to the provider."""
        for disk in self.disk_mappings:
            if disk.disk_id == disk_id:
                return disk.destination
        for mapping in self.backend_mappings:
            if mapping.source == backend:
                return mapping.destination
        return self.default


# What answers show of a stored text, and what it means to send it back.
MASK = '***'


class UserScript(Value):
    """``payload`` is in clear only in the request; rows have ``secret``, a
    reference into the secret store."""

    payload: str = ''
    phase: str = 'osmorphing_post_os_mount'
    secret: str = ''


class UserScripts(Value):
    """Scripts by operating system for all, or by instance; the second
    override the first."""

    by_os: dict[str, tuple[UserScript, ...]] = {}
    by_instance: dict[str, tuple[UserScript, ...]] = {}

    def of(self, instance: str, os_type: str) -> tuple[UserScript, ...]:
        """The scripts for one machine."""
        return self.by_instance.get(instance, self.by_os.get(os_type, ()))


class TransferSpec(Value):
    """Everything that a user says about a transfer.

    ``network_map`` maps a source network's name to the destination's (a
    name, or whatever the provider's schema allows). ``keep_points`` is how
    many recovery points are kept for each machine; beside them, of the last
    ``keep_hourly`` hours that have points the newest one is kept, and so for
    days and weeks. ``execution_retries`` is how often a failed execution is
    followed by another one that goes on with its work.

    Of a live migration, ``replication_count`` is how often it copies before
    it deploys, and ``shutdown_instances`` says whether the machines are shut
    down before the last copy. ``own_endpoints`` are the ids of endpoints
    that were made with the transfer and go with it. ``bandwidth`` is what
    all its copies may take together.
    """

    origin_endpoint_id: str
    destination_endpoint_id: str
    instances: tuple[str, ...]
    scenario: Scenario = Scenario.REPLICA
    source_environment: dict[str, Any] = {}
    destination_environment: dict[str, Any] = {}
    network_map: dict[str, Any] = {}
    storage_mappings: StorageMappings = StorageMappings()
    notes: str | None = None
    user_scripts: UserScripts = UserScripts()
    clone_disks: bool = True
    skip_os_morphing: bool = False
    keep_points: int = 3
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    destination_minion_pool_id: str | None = None
    morphing_pools: dict[str, str] = {}
    execution_retries: int = 0
    replication_count: int = 2
    shutdown_instances: bool = True
    own_endpoints: tuple[str, ...] = ()
    bandwidth: Bandwidth | None = None


class Transfer(Value):
    """``busy_with`` is the id of the execution that holds the transfer;
    ``cancelling`` is told to who shows it."""

    id: str
    project_id: str
    user_id: str
    spec: TransferSpec
    busy_with: str | None = None
    last_execution_state: str | None = None
    cancelling: bool = False
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
