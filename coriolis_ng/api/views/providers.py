# SPDX-License-Identifier: Apache-2.0
"""Providers as clients see them: public numbers for what they can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from coriolis_ng.api.schemas import providers as schema
from coriolis_ng.objects.service import ProviderInfo, Service

TRANSFER_IMPORT = 4
TRANSFER_EXPORT = 8
ENDPOINT = 16
SOURCE_POOL = 524288
DESTINATION_POOL = 1048576

# The numbers of the public API by our capabilities.
_TYPES = {
    'inventory': (ENDPOINT, 32, 128, 32768, 2097152),
    'exports': (TRANSFER_EXPORT, 4096, 65536, 131072),
    'imports': (TRANSFER_IMPORT, 64, 512, 16384, 262144),
    'pools': (SOURCE_POOL, DESTINATION_POOL),
}

# Which schema a number asks for, by our name and by the public one.
_SCHEMAS = {
    ENDPOINT: ('connection', 'connection_info_schema'),
    TRANSFER_IMPORT: ('destination', 'destination_environment_schema'),
    TRANSFER_EXPORT: ('source', 'source_environment_schema'),
    SOURCE_POOL: ('source_pool', 'source_minion_pool_environment_schema'),
    DESTINATION_POOL: (
        'destination_pool',
        'destination_minion_pool_environment_schema',
    ),
}


def known(services: Iterable[Service]) -> dict[str, ProviderInfo]:
    """The providers of all workers that can be given something, by name;
    what two of them say of one provider is put together."""
    found: dict[str, ProviderInfo] = {}
    for service in services:
        if not (service.enabled and service.alive):
            continue
        for info in service.providers:
            old = found.get(info.name)
            found[info.name] = ProviderInfo(
                name=info.name,
                capabilities=tuple(
                    sorted(
                        {
                            *info.capabilities,
                            *(old.capabilities if old else ()),
                        }
                    )
                ),
                schemas={**(old.schemas if old else {}), **info.schemas},
            )
    return found


def provider(info: ProviderInfo) -> schema.Provider:
    """Its numbers, ascending, and our own words."""
    types = {n for c in info.capabilities for n in _TYPES.get(c, ())}
    # Pools may be for one end only.
    types -= {
        number
        for number in _TYPES['pools']
        if _SCHEMAS[number][0] not in info.schemas
    }
    return schema.Provider(
        types=sorted(types | {ENDPOINT}), capabilities=[*info.capabilities]
    )


def schemas(info: ProviderInfo, type_: int) -> dict[str, Any]:
    """The schema for that number by its public name; {} for none."""
    ours, public = _SCHEMAS.get(type_, ('', ''))
    return {public: info.schemas[ours]} if ours in info.schemas else {}
