# SPDX-License-Identifier: Apache-2.0
"""Replicas and migrations: transfers and deployments by their old names.

New programs use ``transfers`` and ``deployments``; what is made here is
seen there, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from coriolis_ng.client import runs
from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection
from coriolis_ng.client.executions import Execution, ExecutionsOfTransfer
from coriolis_ng.client.resource import Resource
from coriolis_ng.client.transfers import Transfer, Transfers


class Replica(Transfer):
    """A transfer; ``executions`` are its last ten."""

    origin: Json | None
    destination: Json | None


class Migration(runs.Run):
    """A live migration with all it does, or a deployment of a replica."""

    parts: ClassVar[Mapping[str, type[Resource]]] = runs.Run.parts

    instances: list[str]
    replica_id: str | None
    status: str


class Replicas(Transfers):
    path, one, many = '/replicas', 'replica', 'replicas'
    kind = Replica

    def executions(self, id: str) -> ExecutionsOfTransfer:
        """The executions of one replica."""
        return ExecutionsOfTransfer(self.api, f'{self.url(id)}/executions')

    def delete_disks(self, id: str) -> Execution:
        """Starts to delete what is kept of it."""
        answer = self.act(id, 'delete-disks')
        return Execution(answer['execution'])


class Migrations(Collection[Migration]):
    path, one, many = '/migrations', 'migration', 'migrations'
    kind = Migration

    def cancel(self, id: str, force: bool = False) -> None:
        """Asks it to stop."""
        self.act(id, 'cancel', {'force': force})

    def deploy(self, replica_id: str, **fields: Any) -> Migration:
        """Machines from what a replica has."""
        return self.create(replica_id=replica_id, **fields)
