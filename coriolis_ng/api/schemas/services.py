# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about this service's own processes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    Json,
    Name,
    PageQuery,
    Request,
    Stamped,
    Word,
)
from coriolis_ng.db.page import Page


class ServicesQuery(PageQuery):
    """In the order of hosts, unless another one is asked for."""

    def page(self, **filters: Any) -> Page:
        wanted = PageQuery.page(self, **filters)
        if self.sort_key:
            return wanted
        order = (('host', 'asc'), ('binary', 'asc'))
        return msgspec.structs.replace(wanted, sort=order)


class NewService(Request):
    """Services make themselves known; this says how one that did is used.
    ``topic`` is of no matter."""

    host: Name
    binary: Word
    topic: Name | None = None
    enabled: bool | None = None
    mapped_regions: list[Id] | None = None


class CreateService(Request):
    service: NewService


class ServiceChanges(Request):
    """Null is as good as leaving a field out."""

    enabled: bool | None | UnsetType = UNSET
    mapped_regions: list[Id] | None | UnsetType = UNSET


class UpdateService(Request):
    service: ServiceChanges


class Service(Stamped):
    """``providers`` maps a platform to its type numbers; ``specs`` has the
    release, the load and the capacity in tasks."""

    id: str
    host: str
    binary: str
    topic: str
    enabled: bool
    status: Literal['UP', 'DOWN']
    providers: Json
    specs: Json
    mapped_regions: list[str]


class ServiceAnswer(Answer):
    service: Service


class ServicesAnswer(Answer):
    services: list[Service]


class Diagnostics(Answer):
    """What one process runs on."""

    application: str
    hostname: str
    ip_addresses: list[str]
    packages: list[str]
    os_info: str
    architecture: str


class DiagnosticsAnswer(Answer):
    diagnostics: list[Diagnostics]
