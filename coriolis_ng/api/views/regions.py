# SPDX-License-Identifier: Apache-2.0
"""Regions as clients see them."""

from __future__ import annotations

from coriolis_ng.api.schemas import regions as schema
from coriolis_ng.api.views import words
from coriolis_ng.objects.region import Region


def region(value: Region) -> schema.Region:
    """With what is mapped to it."""
    return schema.Region(
        id=value.id,
        name=value.name,
        description=value.description,
        enabled=value.enabled,
        mapped_endpoints=[*value.mapped_endpoints],
        mapped_services=[*value.mapped_services],
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )
