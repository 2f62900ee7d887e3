# SPDX-License-Identifier: Apache-2.0
"""Running machines made from recovery points."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.transfer import TransferSpec, UserScripts
from coriolis_ng.objects.value import Value
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import ClonedVolumes


class DeploymentPurpose(enum.StrEnum):
    TEST = 'test'  # isolated network, torn down with the deployment
    FAILOVER = 'failover'  # the source is gone, nothing is asked of it
    FINAL = 'final'  # the source is off and was synced a last time


class DeploymentSpec(Value):
    """None means: as the transfer says. ``recovery_points`` names a point
    by instance; an instance without one gets its newest. ``follows`` is the
    execution of the transfer that it was made after without being asked
    for, ``switched_off`` are the machines that were shut down for it."""

    transfer_id: str
    purpose: DeploymentPurpose = DeploymentPurpose.FAILOVER
    clone_disks: bool | None = None
    skip_os_morphing: bool | None = None
    force: bool = False
    user_scripts: UserScripts | None = None
    recovery_points: dict[str, str] = {}
    set_dhcp: bool | None = None
    morphing_pools: dict[str, str] | None = None
    follows: str | None = None
    switched_off: tuple[str, ...] = ()

    def pools(self, transfer: TransferSpec) -> dict[str, str]:
        """Of which pool the worker is that adapts a machine, by instance."""
        if self.morphing_pools is None:
            return transfer.morphing_pools
        return self.morphing_pools


class DeployedVm(Value):
    """The subject of a deployment's tasks: one machine of it.

    ``owned`` are the ids of what stays in the cloud with the machine.
    """

    deployment_id: str
    instance: str
    version: int = 0
    recovery_point_id: str = ''
    volumes: ClonedVolumes | None = None
    vm: Vm | None = None
    address: str = ''
    morphed: tuple[str, ...] = ()

    def owned(self) -> frozenset[str]:
        """The ids of everything in a cloud that this machine needs."""
        ids = {self.vm.id} if self.vm else set()
        if self.vm and self.volumes:
            ids |= {volume.id for volume in self.volumes.items}
        return frozenset(ids)


class Handover(Value):
    """The subject of a task that gives a replica's own volumes to a
    machine of a deployment: both change in one transaction."""

    replica: Replica
    vm: DeployedVm


class Deployment(Value):
    """``cancelling`` is told to who shows it."""

    id: str
    project_id: str
    user_id: str
    spec: DeploymentSpec
    instances: tuple[DeployedVm, ...] = ()
    last_execution_state: str | None = None
    cancelling: bool = False
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
