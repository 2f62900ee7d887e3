# SPDX-License-Identifier: Apache-2.0
"""Transfers: what is kept in sync, from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection
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


class Transfers(Collection[Transfer]):
    path, one, many, kind = '/transfers', 'transfer', 'transfers', Transfer

    def update(self, id: str, **fields: Any) -> Transfer:
        """The changed one; environments, network map and storage mappings
        are merged into what is there."""
        return super().update(id, **fields)

    def delete_disks(self, id: str) -> Execution:
        """Starts to delete points, volumes and checkpoints."""
        return Execution(self.act(id, 'delete-disks')['execution'])

    def preflight(self, id: str) -> Preflight:
        """Everything that would fail, at once; nothing is made."""
        return Preflight(self.act(id, 'preflight')['preflight'])
