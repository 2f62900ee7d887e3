# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about endpoints and the clouds behind them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from coriolis_ng.api.schemas.bandwidth import BandwidthAnswer, NewLimit
from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    Json,
    Name,
    Query,
    Request,
    Stamped,
    Text,
    Word,
)

Slots = Annotated[
    int,
    Meta(
        ge=0,
        le=1_000_000,
        description='how many tasks run on it at once; 0 and null: what the '
        "service's configuration says",
    ),
]


class NewEndpoint(Request):
    """``connection_info`` is what the provider's schema asks for, or
    ``{"secret_ref": url}`` of a secret in Barbican."""

    name: Name
    type: Word
    connection_info: Json
    description: Text | None = None
    mapped_regions: list[Id] | None = None
    slots: Slots | None = None
    bandwidth_limit: NewLimit = None


class CreateEndpoint(Request):
    endpoint: NewEndpoint


class EndpointChanges(Request):
    name: Name | UnsetType = UNSET
    description: Text | None | UnsetType = UNSET
    connection_info: Json | UnsetType = UNSET
    mapped_regions: list[Id] | None | UnsetType = UNSET
    slots: Slots | None | UnsetType = UNSET
    bandwidth_limit: NewLimit | UnsetType = UNSET


class UpdateEndpoint(Request):
    endpoint: EndpointChanges


class Endpoint(Stamped):
    """``connection_info`` is never in clear: a reference, or ``***``.
    ``slots`` is how many tasks run on it at once (null: what the service's
    configuration says), ``bandwidth_limit`` what all copies from it and to
    it take together."""

    id: str
    name: str
    type: str
    description: str
    connection_info: Json
    mapped_regions: list[str]
    slots: int | None
    bandwidth_limit: BandwidthAnswer | None
    user_id: str
    project_id: str


class EndpointAnswer(Answer):
    endpoint: Endpoint


class EndpointsAnswer(Answer):
    endpoints: list[Endpoint]


class Validation(Answer):
    valid: bool
    message: str | None


class ValidationAnswer(Answer):
    validation: Validation = msgspec.field(name='validate-connection')


class EnvQuery(Query):
    """``env``: the environment's options, a JSON object in URL-safe
    base64."""

    env: str | None = None


class InstancesQuery(EnvQuery):
    """``marker`` is the id of the last one of the page before, ``name`` a
    part of the names to find or a regular expression; ``refresh`` looks
    anew at what was asked a moment ago."""

    limit: Annotated[int, Meta(ge=1)] | None = None
    marker: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    name: Annotated[str, Meta(max_length=255)] | None = None
    refresh: str | None = None


class OptionsQuery(EnvQuery):
    """``options``: a JSON list of names, in URL-safe base64."""

    options: str | None = None


class Instance(Answer, kw_only=True):
    """A machine in a list; ``memory_mb`` is in MiB."""

    id: str
    name: str
    instance_name: str
    num_cpu: int
    memory_mb: int
    os_type: str
    firmware_type: str
    power_state: str
    guest_id: str | None = None
    flavor_name: str | None = None


class InstancesAnswer(Answer):
    instances: list[Instance]


class InstanceDisk(Answer):
    """``tracked`` says whether the source can tell what changed."""

    id: str
    size_bytes: int
    format: str
    path: str
    controller_id: str
    unit_number: int
    storage_backend_identifier: str
    shareable: bool
    tracked: bool
    untracked_reason: str
    allocation_type: str = 'dynamic'


class InstanceNic(Answer):
    id: str
    name: str
    mac_address: str | None
    network_name: str
    network_id: str
    model: str
    ip_addresses: list[str]


class InstanceController(Answer):
    id: str
    type: str
    bus_number: int


class InstanceDevices(Answer):
    disks: list[InstanceDisk]
    nics: list[InstanceNic]
    controllers: list[InstanceController]
    cdroms: list[Json] = []
    serial_ports: list[Json] = []
    floppies: list[Json] = []


class InstanceDetail(Instance):
    """A machine with all that a destination needs to rebuild it."""

    devices: InstanceDevices
    secure_boot: bool
    guest_agent: bool
    machine: str
    nested_virtualization: bool = False


class InstanceAnswer(Answer):
    instance: InstanceDetail


class Network(Answer):
    id: str
    name: str
    bridge: str


class NetworksAnswer(Answer):
    networks: list[Network]


class StorageBackend(Answer):
    """Sizes in ``additional_provider_properties`` are bytes."""

    id: str
    name: str
    additional_provider_properties: Json


class Storage(Answer):
    storage_backends: list[StorageBackend]
    config_default: str | None = None


class StorageAnswer(Answer):
    storage: Storage


class Option(Answer):
    name: str
    values: list[Any]
    config_default: Any = None


class SourceOptionsAnswer(Answer):
    source_options: list[Option]


class DestinationOptionsAnswer(Answer):
    destination_options: list[Option]


class SourcePoolOptionsAnswer(Answer):
    source_minion_pool_options: list[Option]


class DestinationPoolOptionsAnswer(Answer):
    destination_minion_pool_options: list[Option]
