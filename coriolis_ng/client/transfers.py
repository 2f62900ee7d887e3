# SPDX-License-Identifier: Apache-2.0
"""Transfers: what is kept in sync, from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection, said
from coriolis_ng.client.executions import Execution
from coriolis_ng.client.resource import Resource, Stamped


class Action(Stamped):
    """What a transfer and a deployment have alike."""

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
    last_execution_status: str


class Transfer(Action):
    """Machines and where they go; ``busy_with`` is the execution that runs
    just now."""

    scenario: str
    keep_points: int
    execution_retries: int
    bandwidth_limit: Json | None
    busy_with: str | None


class Finding(Resource):
    """Something that speaks against a run, and what to do about it."""

    code: str
    severity: str
    meaning: str
    remedy: str
    instance: str


class Preflight(Resource):
    """``passed`` is true when no finding is an error."""

    parts: ClassVar[Mapping[str, type[Resource]]] = {'findings': Finding}

    passed: bool
    findings: list[Finding]


class PlannedDisk(Resource):
    """``mode`` is full, delta or clone; ``bytes`` is what the source would
    read, None where that is not known, and ``basis`` how it was found."""

    instance: str
    disk_id: str
    size: int
    mode: str
    reason: str
    bytes: int | None
    basis: str


class Plan(Resource):
    """What a run would do; ``notes`` say what could not be found out."""

    parts: ClassVar[Mapping[str, type[Resource]]] = {'disks': PlannedDisk}

    tasks: list[Json]
    disks: list[PlannedDisk]
    bytes: int | None
    notes: list[str]


class Transfers(Collection[Transfer]):
    """Their update merges environments, network map and storage mappings
    into what is there."""

    path, one, many, kind = '/transfers', 'transfer', 'transfers', Transfer

    def delete_disks(self, id: str) -> Execution:
        """Starts to delete points, volumes and checkpoints."""
        return Execution(self.act(id, 'delete-disks')['execution'])

    def preflight(self, id: str) -> Preflight:
        """Everything that would fail, at once; nothing is made."""
        return Preflight(self.act(id, 'preflight')['preflight'])

    def plan(self, id: str, **spec: Any) -> Plan:
        """What an execution with these words would do; nothing is made."""
        return Plan(self.act(id, 'plan', said(spec))['plan'])
