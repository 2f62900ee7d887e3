# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about migrations: a live migration with all that it
does, or a deployment of a replica, as clients up to 2024 know them."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from coriolis_ng import errors
from coriolis_ng.api.schemas.deployments import NewDeployment
from coriolis_ng.api.schemas.executions import Status, Task
from coriolis_ng.api.schemas.parts import Answer, Id, Request
from coriolis_ng.api.schemas.replicas import Destination, End, NewAction
from coriolis_ng.api.schemas.transfers import Action, Instance

Count = Annotated[int, Meta(ge=1, le=10)]
Instances = Annotated[list[Instance], Meta(min_length=1, max_length=1000)]


class NewMigration(NewAction):
    """Either ``replica_id`` with what is to be done with the replica, or
    ends and instances. ``replication_count`` is how often it copies before
    it deploys; the machines are shut down before the last copy only with
    ``shutdown_instances``."""

    instances: Instances | None = None  # type: ignore[assignment]
    replica_id: Id | None = None
    clone_disks: bool | None = None
    force: bool | None = None
    replication_count: Count | None = None
    shutdown_instances: bool | None = None

    def check(self) -> None:
        """``InvalidInput`` for what is missing or does not go together."""
        if self.replica_id is None:
            if not self.instances:
                raise errors.InvalidInput(
                    'A migration needs instances.', field='$.instances'
                )
            super().check()
            return
        for name in ('origin', 'destination', *_OF_REPLICA):
            if getattr(self, name) is not None:
                raise errors.InvalidInput(
                    f'{name} is as the replica says.', field=f'$.{name}'
                )

    def deployment(self) -> NewDeployment:
        """That of a replica in the current dialect."""
        assert self.replica_id is not None
        return NewDeployment(
            transfer_id=self.replica_id,
            clone_disks=self.clone_disks,
            force=self.force,
            skip_os_morphing=self.skip_os_morphing,
            user_scripts=self.user_scripts,
            instance_osmorphing_minion_pool_mappings=(
                self.instance_osmorphing_minion_pool_mappings
            ),
        )


_OF_REPLICA = ('origin_endpoint_id', 'destination_endpoint_id', 'instances')


class CreateMigration(Request):
    migration: NewMigration


class Migration(Action):
    """``replica_id`` is null for a migration that copies by itself, the
    counts are null for one that does not. ``transfer_id`` and
    ``deployment_id`` are what it is in the current dialect. ``tasks`` are
    absent from lists."""

    status: Status
    replica_id: str | None
    replication_count: int | None
    shutdown_instances: bool | None
    transfer_id: str
    deployment_id: str | None
    origin: End | None
    destination: Destination | None
    tasks: list[Task] | UnsetType = UNSET


class MigrationAnswer(Answer):
    migration: Migration


class MigrationsAnswer(Answer):
    migrations: list[Migration]
