# SPDX-License-Identifier: Apache-2.0
"""Regions: places that workers serve and endpoints lie in."""

from __future__ import annotations

from coriolis_ng.client.collection import Collection
from coriolis_ng.client.resource import Stamped


class Region(Stamped):
    """``mapped_endpoints`` are those of your project."""

    name: str
    description: str
    enabled: bool
    mapped_endpoints: list[str]
    mapped_services: list[str]


class Regions(Collection[Region]):
    path, one, many, kind = '/regions', 'region', 'regions', Region
