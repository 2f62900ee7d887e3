# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about deployments."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from coriolis_ng.api.schemas.executions import Filter, Task
from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    Json,
    PageQuery,
    Query,
    Request,
)
from coriolis_ng.api.schemas.transfers import Action, Instance, NewUserScripts
from coriolis_ng.objects.deployment import DeploymentPurpose


class NewDeployment(Request):
    """What is null or left out is as the transfer says.

    ``recovery_points`` names a point by machine; a machine without one gets
    its newest.
    """

    transfer_id: Id
    clone_disks: bool | None = None
    force: bool | None = False
    skip_os_morphing: bool | None = None
    user_scripts: NewUserScripts | None = None
    purpose: DeploymentPurpose | None = None
    recovery_points: dict[Instance, Id] | None = None
    set_dhcp: bool | None = None
    instance_osmorphing_minion_pool_mappings: dict[str, Id] | None = None


class CreateDeployment(Request):
    deployment: NewDeployment


class DeploymentsQuery(PageQuery):
    status: Filter | None = None
    transfer_id: Id | None = None
    include_task_info: bool = False


class DeploymentQuery(Query):
    include_task_info: bool = False


class DeployedInstance(Answer):
    """A machine that is made: its point, and its address once known."""

    instance: str
    recovery_point_id: str | None
    vm_id: str | None
    address: str | None
    stages: list[str]


class Deployment(Action):
    """The transfer's fields and what is its own; ``tasks`` are those of
    its one execution, absent from lists."""

    transfer_id: str
    transfer_scenario_type: str
    purpose: str
    force: bool
    set_dhcp: bool | None
    recovery_points: Json
    deployed: list[DeployedInstance]
    # The execution of the transfer that it was made after, by itself.
    deployer_id: str | None = None
    tasks: list[Task] | UnsetType = UNSET
    executions: list[Json] | UnsetType = UNSET


class DeploymentAnswer(Answer):
    deployment: Deployment


class DeploymentsAnswer(Answer):
    deployments: list[Deployment]
