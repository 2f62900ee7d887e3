# SPDX-License-Identifier: Apache-2.0
"""A place that workers serve and endpoints lie in."""

from __future__ import annotations

import datetime

from coriolis_ng.objects.value import Value


class RegionSpec(Value):
    """What a user says; two regions may have one name."""

    name: str
    description: str = ''
    enabled: bool = True


class Region(Value):
    """A disabled region is served by nobody. ``mapped_endpoints`` and
    ``mapped_services`` are ids of what names it."""

    id: str
    name: str
    description: str = ''
    enabled: bool = True
    mapped_endpoints: tuple[str, ...] = ()
    mapped_services: tuple[str, ...] = ()
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
