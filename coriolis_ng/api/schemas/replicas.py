# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about replicas: transfers as clients up to 2024 know
them, with endpoint ids, or with inline ends as the first ones sent them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from coriolis_ng import errors
from coriolis_ng.api.schemas.executions import Execution, Status
from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    Json,
    Request,
    Stamped,
    Text,
    Word,
)
from coriolis_ng.api.schemas.transfers import (
    Action,
    Instance,
    NewStorageMappings,
    NewTransfer,
    NewUserScripts,
    TransferChanges,
)


class NewOrigin(Request):
    """``connection_info`` is what the provider's schema asks for, or a
    secret in Barbican: ``{"secret_ref": url}``, ``{"secret_id": uuid}``."""

    type: Word
    connection_info: Json | None = None

    def access(self) -> Json:
        """As an endpoint takes it."""
        return self.connection_info or {}


class NewDestination(NewOrigin):
    target_environment: Json | None = None


class NewAction(Request):
    """What replicas and migrations have alike. Each end is an endpoint's
    id or stands inline."""

    instances: Annotated[list[Instance], Meta(min_length=1, max_length=1000)]
    origin_endpoint_id: Id | None = None
    destination_endpoint_id: Id | None = None
    origin: NewOrigin | None = None
    destination: NewDestination | None = None
    source_environment: Json | None = None
    destination_environment: Json | None = None
    target_environment: Json | None = None
    network_map: Json | None = None
    storage_mappings: NewStorageMappings | None = None
    notes: Text | None = None
    user_scripts: NewUserScripts | None = None
    skip_os_morphing: bool | None = None
    origin_minion_pool_id: Id | None = None
    destination_minion_pool_id: Id | None = None
    instance_osmorphing_minion_pool_mappings: dict[str, Id] | None = None

    def check(self) -> None:
        """``InvalidInput`` for an end that is missing or there twice."""
        for name in ('origin', 'destination'):
            id = getattr(self, f'{name}_endpoint_id')
            if (id is None) == (getattr(self, name) is None):
                raise errors.InvalidInput(
                    f'Give either {name}_endpoint_id or {name}.',
                    field=f'$.{name}_endpoint_id',
                )

    def environment(self) -> tuple[str, Json]:
        """The destination's, and the place in the body where it stands."""
        if self.destination and self.destination.target_environment:
            place = 'destination.target_environment'
            return place, self.destination.target_environment
        if self.target_environment:
            return 'target_environment', self.target_environment
        return 'destination_environment', self.destination_environment or {}

    def transfer(self, origin: str, destination: str) -> NewTransfer:
        """The same in the current dialect, with the endpoints' ids."""
        same = {
            name: getattr(self, name)
            for name in NewTransfer.__struct_fields__
            if name in NewAction.__struct_fields__
        }
        return NewTransfer(
            **{
                **same,
                'origin_endpoint_id': origin,
                'destination_endpoint_id': destination,
                'destination_environment': self.environment()[1],
            }
        )


class NewReplica(NewAction):
    pass


class CreateReplica(Request):
    replica: NewReplica


class UpdateReplica(Request):
    replica: TransferChanges


class End(Answer):
    """An end as the first clients knew it; ``endpoint_id`` is the endpoint
    that it is."""

    type: str
    connection_info: Json
    endpoint_id: str


class Destination(End):
    target_environment: Json


class Run(Stamped):
    """An execution in few words; its tasks are with itself."""

    id: str
    action_id: str
    number: int
    type: str
    status: Status


class Replica(Action):
    """``executions`` are the last ten, oldest first; ``origin`` and
    ``destination`` are what the first clients read."""

    keep_points: int
    busy_with: str | None
    executions: list[Run]
    origin: End | None
    destination: Destination | None


class ReplicaAnswer(Answer):
    replica: Replica


class ReplicasAnswer(Answer):
    replicas: list[Replica]


class UpdatedReplicaAnswer(Answer):
    """The replica as it is now, and the execution (done already) that
    records when it was changed."""

    replica: Replica
    execution: Execution


def fields(value: Action) -> dict[str, Any]:
    """The fields of a transfer or deployment that replicas and migrations
    show as well."""
    return {
        name: getattr(value, name)
        for name in Action.__struct_fields__
        if getattr(value, name) is not msgspec.UNSET
    }
