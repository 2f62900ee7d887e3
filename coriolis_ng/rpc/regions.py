# SPDX-License-Identifier: Apache-2.0
"""What the API asks of the conductor about regions and services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.region import Region, RegionSpec
from coriolis_ng.objects.service import Service
from coriolis_ng.rpc import transport as bus

Context = Mapping[str, Any]


class RegionCalls:
    """A part of the API's half of the client."""

    _client: bus.Client

    def region_create(self, context: Context, spec: RegionSpec) -> Region:
        plain = self._client.call(
            'region_create', context, spec=to_plain(spec)
        )
        return from_plain(Region, plain)

    def region_update(
        self,
        context: Context,
        id: str,
        changes: dict[str, Any],
        version: int | None = None,
    ) -> Region:
        """``changes``: any of name, description, enabled.
        ``PreconditionFailed`` when it is not of ``version`` any more."""
        plain = self._client.call(
            'region_update', context, id=id, changes=changes, version=version
        )
        return from_plain(Region, plain)

    def region_delete(self, context: Context, id: str) -> None:
        """``Conflict`` while anything is mapped to it."""
        self._client.call('region_delete', context, id=id)

    def service_create(
        self,
        context: Context,
        host: str,
        binary: str,
        enabled: bool | None = None,
        mapped_regions: Sequence[str] | None = None,
    ) -> Service:
        """How a service that made itself known is used."""
        plain = self._client.call(
            'service_create',
            context,
            # ``host`` would say which conductor is to answer.
            host_name=host,
            binary=binary,
            enabled=enabled,
            mapped_regions=_listed(mapped_regions),
        )
        return from_plain(Service, plain)

    def service_update(
        self,
        context: Context,
        id: str,
        enabled: bool | None = None,
        mapped_regions: Sequence[str] | None = None,
        seen: str | None = None,
    ) -> Service:
        """None stays as it is; ``PreconditionFailed`` when its tag is not
        ``seen`` any more."""
        # Only said when it is wanted: an older conductor does not know it.
        more = {} if seen is None else {'seen': seen}
        plain = self._client.call(
            'service_update',
            context,
            id=id,
            enabled=enabled,
            mapped_regions=_listed(mapped_regions),
            **more,
        )
        return from_plain(Service, plain)

    def service_delete(self, context: Context, id: str) -> None:
        """``Conflict`` while it is alive."""
        self._client.call('service_delete', context, id=id)


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else [*values]
