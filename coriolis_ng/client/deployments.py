# SPDX-License-Identifier: Apache-2.0
"""Deployments: running machines from recovery points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from coriolis_ng.client import runs
from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection, said
from coriolis_ng.client.resource import Resource
from coriolis_ng.client.transfers import Action, Plan


class DeployedInstance(Resource):
    """A machine that is made; ``address`` once it is known."""

    instance: str
    recovery_point_id: str | None
    vm_id: str | None
    address: str | None
    stages: list[str]


class Deployment(runs.Run, Action):
    """Machines made from points; ``tasks`` is missing in lists."""

    parts: ClassVar[Mapping[str, type[Resource]]] = {
        **runs.Run.parts,
        'deployed': DeployedInstance,
    }

    transfer_id: str
    transfer_scenario_type: str
    purpose: str
    recovery_points: Json
    transfer_result: Json | None
    deployed: list[DeployedInstance]


class Deployments(Collection[Deployment]):
    path, one, many = '/deployments', 'deployment', 'deployments'
    kind = Deployment

    def plan(self, **fields: Any) -> Plan:
        """What a deployment made with these would do; nothing is made."""
        body = {self.one: said(fields)}
        return Plan(self.api.ask('POST', f'{self.path}/plan', body)['plan'])

    def cancel(self, id: str, force: bool = False) -> None:
        """Asks it to stop; what it made is removed."""
        self.act(id, 'cancel', {'force': force})

    def wait(
        self,
        id: str,
        *,
        progress: Callable[[Deployment], None] | None = None,
        **options: Any,
    ) -> Deployment:
        """Until it ended; raises ``Failed`` when it did not go well. The
        options are those of ``coriolis_ng.client.runs.wait``."""
        return runs.succeeded(
            runs.wait(lambda: self.get(id), progress=progress, **options)
        )
