# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about this service's own processes."""

from __future__ import annotations

from typing import Literal

from coriolis_ng.api.schemas.parts import Answer, Json, Request, Stamped


class ServiceChanges(Request):
    enabled: bool


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
