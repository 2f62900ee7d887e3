# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about regions."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from coriolis_ng.api.schemas.parts import (
    Answer,
    Name,
    Request,
    Stamped,
    Text,
)


class NewRegion(Request):
    """Names need not be unique."""

    name: Name
    description: Text | None = None
    enabled: bool | None = None


class CreateRegion(Request):
    region: NewRegion


class RegionChanges(Request):
    """Null is as good as leaving a field out."""

    name: Name | None | UnsetType = UNSET
    description: Text | None | UnsetType = UNSET
    enabled: bool | None | UnsetType = UNSET


class UpdateRegion(Request):
    region: RegionChanges


class Region(Stamped):
    """``mapped_endpoints`` are those of the caller's project."""

    id: str
    name: str
    description: str
    enabled: bool
    mapped_endpoints: list[str]
    mapped_services: list[str]


class RegionAnswer(Answer):
    region: Region


class RegionsAnswer(Answer):
    regions: list[Region]
