# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about transfers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from coriolis_ng.api.schemas.bandwidth import BandwidthAnswer, NewLimit
from coriolis_ng.api.schemas.executions import Execution, Filter, Status
from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    Json,
    Name,
    PageQuery,
    Query,
    Request,
    Stamped,
    Text,
)
from coriolis_ng.objects.transfer import (
    BackendMapping,
    DiskMapping,
    Scenario,
    StorageMappings,
    UserScript,
    UserScripts,
)

OsType = Literal['bsd', 'linux', 'osx', 'solaris', 'windows']
Phase = Literal[
    'osmorphing_pre_os_mount',
    'osmorphing_post_os_mount',
    'replica_first_boot',
]
DEFAULT_PHASE: Phase = 'osmorphing_post_os_mount'
Instance = Annotated[
    str,
    Meta(min_length=1, max_length=255, pattern=r'^[^\x00-\x1f\x7f]*$'),
]
KeepPoints = Annotated[int, Meta(ge=1, le=1000)]
KeepMore = Annotated[
    int,
    Meta(
        ge=0,
        le=1000,
        description='of so many hours, days or weeks (in UTC) with recovery '
        'points the newest one is kept beside keep_points',
    ),
]
Retries = Annotated[int, Meta(ge=0, le=100)]
ScriptText = Annotated[str, Meta(max_length=1024 * 1024)]


class Script(Request):
    payload: ScriptText
    phase: Phase | None = DEFAULT_PHASE


Scripts = ScriptText | list[Script] | None


class NewUserScripts(Request):
    """By operating system for all machines, or by machine; the second
    overrides the first."""

    global_: dict[OsType, Scripts] | None = msgspec.field(
        name='global', default=None
    )
    instances: dict[str, Scripts] | None = None

    def any(self) -> bool:
        """Whether anything is said, be it that there is no script."""
        return bool(self.global_ or self.instances)

    def value(self) -> UserScripts:
        """As the domain has them; empty ones are left out."""
        return UserScripts(
            by_os=_scripts(self.global_), by_instance=_scripts(self.instances)
        )


def _scripts(given: Any) -> dict[str, tuple[UserScript, ...]]:
    found = {name: _phases(one) for name, one in (given or {}).items()}
    return {name: scripts for name, scripts in found.items() if scripts}


def _phases(given: Scripts) -> tuple[UserScript, ...]:
    if not given:
        return ()
    if isinstance(given, str):
        return (UserScript(payload=given),)
    return tuple(
        UserScript(payload=one.payload, phase=one.phase or DEFAULT_PHASE)
        for one in given
    )


class NewBackendMapping(Request):
    source: Name
    destination: Name


class NewDiskMapping(Request):
    disk_id: Name
    destination: Name


class NewStorageMappings(Request):
    default: Name | None = None
    backend_mappings: list[NewBackendMapping] | None = None
    disk_mappings: list[NewDiskMapping] | None = None

    def value(self) -> StorageMappings:
        """As the domain has them."""
        return StorageMappings(
            default=self.default,
            backend_mappings=tuple(
                BackendMapping(source=m.source, destination=m.destination)
                for m in self.backend_mappings or ()
            ),
            disk_mappings=tuple(
                DiskMapping(disk_id=m.disk_id, destination=m.destination)
                for m in self.disk_mappings or ()
            ),
        )

    def over(self, before: StorageMappings) -> StorageMappings:
        """A change: what is named replaces what was said of the same."""
        mine = self.value()
        disks = {m.disk_id: m for m in before.disk_mappings}
        backends = {m.source: m for m in before.backend_mappings}
        disks |= {m.disk_id: m for m in mine.disk_mappings}
        backends |= {m.source: m for m in mine.backend_mappings}
        return StorageMappings(
            default=mine.default or before.default,
            backend_mappings=tuple(backends.values()),
            disk_mappings=tuple(disks.values()),
        )


class NewTransfer(Request):
    """``keep_points`` is how many recovery points are kept for each
    machine, ``execution_retries`` how often a failed execution is followed
    by another one that goes on with its work, ``bandwidth_limit`` what all
    its copies take together. Null is as good as leaving a field out."""

    origin_endpoint_id: Id
    destination_endpoint_id: Id
    instances: Annotated[list[Instance], Meta(min_length=1, max_length=1000)]
    scenario: Scenario | None = None
    source_environment: Json | None = None
    destination_environment: Json | None = None
    network_map: Json | None = None
    storage_mappings: NewStorageMappings | None = None
    notes: Text | None = None
    user_scripts: NewUserScripts | None = None
    clone_disks: bool | None = None
    skip_os_morphing: bool | None = None
    keep_points: KeepPoints | None = None
    keep_hourly: KeepMore | None = None
    keep_daily: KeepMore | None = None
    keep_weekly: KeepMore | None = None
    execution_retries: Retries | None = None
    bandwidth_limit: NewLimit = None
    origin_minion_pool_id: Id | None = None
    destination_minion_pool_id: Id | None = None
    instance_osmorphing_minion_pool_mappings: dict[str, Id] | None = None


class CreateTransfer(Request):
    transfer: NewTransfer


class TransferChanges(Request):
    """Environments, network map and storage mappings are merged, the
    others replaced; scripts that are empty change nothing."""

    source_environment: Json | None | UnsetType = UNSET
    destination_environment: Json | None | UnsetType = UNSET
    network_map: Json | None | UnsetType = UNSET
    storage_mappings: NewStorageMappings | None | UnsetType = UNSET
    notes: Text | None | UnsetType = UNSET
    user_scripts: NewUserScripts | None | UnsetType = UNSET
    clone_disks: bool | None | UnsetType = UNSET
    skip_os_morphing: bool | None | UnsetType = UNSET
    keep_points: KeepPoints | None | UnsetType = UNSET
    keep_hourly: KeepMore | None | UnsetType = UNSET
    keep_daily: KeepMore | None | UnsetType = UNSET
    keep_weekly: KeepMore | None | UnsetType = UNSET
    execution_retries: Retries | None | UnsetType = UNSET
    bandwidth_limit: NewLimit | UnsetType = UNSET
    # Present only to be refused with a sentence that says why.
    instances: list[Instance] | UnsetType = UNSET
    origin_endpoint_id: Id | UnsetType = UNSET
    destination_endpoint_id: Id | UnsetType = UNSET
    scenario: str | UnsetType = UNSET
    origin_minion_pool_id: Id | None = None
    destination_minion_pool_id: Id | None | UnsetType = UNSET
    instance_osmorphing_minion_pool_mappings: (
        dict[str, Id] | None | UnsetType
    ) = UNSET


class UpdateTransfer(Request):
    transfer: TransferChanges


class TransfersQuery(PageQuery):
    """``include_task_info`` adds ``info`` to each object."""

    status: Filter | None = None
    include_task_info: bool = False


class TransferQuery(Query):
    include_task_info: bool = False


class Action(Stamped, kw_only=True):
    """What transfers and deployments have alike, in all dialects."""

    id: str
    base_id: str
    type: Literal['transfer', 'deployment', 'replica', 'migration']
    user_id: str
    project_id: str
    instances: list[str]
    origin_endpoint_id: str
    destination_endpoint_id: str
    source_environment: Json
    destination_environment: Json
    network_map: Json
    storage_mappings: Json
    notes: str | None
    user_scripts: Json
    clone_disks: bool
    skip_os_morphing: bool
    clustered: bool
    last_execution_status: Status
    transfer_result: Json | None = None
    reservation_id: str | None = None
    origin_minion_pool_id: str | None = None
    destination_minion_pool_id: str | None = None
    instance_osmorphing_minion_pool_mappings: Json = {}
    info: Json | UnsetType = UNSET


class Transfer(Action):
    """``keep_points`` and ``busy_with`` (the execution that holds it) are
    beside what other releases knew."""

    scenario: str
    keep_points: int
    keep_hourly: int
    keep_daily: int
    keep_weekly: int
    execution_retries: int
    bandwidth_limit: BandwidthAnswer | None
    busy_with: str | None
    executions: list[Json] = []


class TransferAnswer(Answer):
    transfer: Transfer


class TransfersAnswer(Answer):
    transfers: list[Transfer]


class UpdatedAnswer(Answer):
    """The transfer as it is now, and the execution (done already) that
    records when it was changed."""

    transfer: Transfer
    execution: Execution


class Finding(Answer):
    """``instance`` is '' for what concerns all."""

    code: str
    severity: Literal['error', 'warning', 'info']
    meaning: str
    remedy: str
    instance: str


class Preflight(Answer):
    """``passed`` is true when no finding is an error."""

    passed: bool
    findings: list[Finding]


class PreflightAnswer(Answer):
    preflight: Preflight
