# SPDX-License-Identifier: Apache-2.0
"""One run of something: a DAG of tasks that survives crashes."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.task import TaskRecord
from coriolis_ng.objects.value import Value


class ExecutionKind(enum.StrEnum):
    TRANSFER = 'transfer_execution'
    DISKS_DELETE = 'transfer_disks_delete'
    UPDATE = 'transfer_update'
    DEPLOYMENT = 'deployment'
    TEARDOWN = 'deployment_teardown'
    SOURCES_START = 'transfer_sources_start'
    POINTS_DELETE = 'recovery_points_delete'
    POOL_ALLOCATE = 'minion_pool_allocation'
    POOL_REFRESH = 'minion_pool_refresh'
    POOL_DEALLOCATE = 'minion_pool_deallocation'


class ExecutionState(enum.StrEnum):
    RUNNING = 'running'
    DONE = 'done'
    FAILED = 'failed'
    CANCELED = 'canceled'


class Cancel(enum.StrEnum):
    """How an execution was asked to stop."""

    NO = 'no'
    GRACEFUL = 'graceful'
    FORCED = 'forced'


class Rank(enum.IntEnum):
    """Who goes first where there is not room for all."""

    FINAL = 0  # machines are down, or somebody waits for one
    FIRST = 1  # a first copy: nothing is protected before its end
    DELTA = 2


class ExecutionSpec(Value):
    """Of ``shutdown_instances`` and ``auto_deploy`` None means: as the
    transfer's scenario implies; rows never hold it for a run.
    ``retry_of`` names a failed execution whose journal is inherited,
    ``retries`` counts how often that was done without being asked for;
    ``checksum`` asks for a digest of the whole disks at both ends. When an
    execution that deletes disks succeeds, ``forget`` takes the transfer
    with it. ``rank`` says who goes first where there is not room for all.
    ``request_id`` is the request that asked for it, for the log; empty where
    it was due."""

    shutdown_instances: bool | None = None
    auto_deploy: bool | None = None
    checksum: bool = False
    retry_of: str | None = None
    retries: int = 0
    forget: bool = False
    rank: Rank = Rank.DELTA
    request_id: str = ''


class Execution(Value):
    """``owner_id`` is the transfer's or the deployment's id; ``number`` is
    1-based for each owner."""

    id: str
    project_id: str
    owner_id: str
    kind: ExecutionKind
    number: int
    state: ExecutionState
    cancel: Cancel = Cancel.NO
    spec: ExecutionSpec = ExecutionSpec()
    tasks: tuple[TaskRecord, ...] = ()
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
