# SPDX-License-Identifier: Apache-2.0
"""The entry point of the memory cloud: both a source and a destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coriolis_ng.providers import base
from coriolis_ng.providers.memory.client import Client
from coriolis_ng.providers.memory.exports import (
    MemoryExports,
    MemoryInventory,
)
from coriolis_ng.providers.memory.imports import MemoryImports
from coriolis_ng.providers.memory.pools import SCHEMAS, MemoryPools

CONNECTION_SCHEMA = {
    'type': 'object',
    'properties': {
        'host': {
            'type': 'string',
            'default': '127.0.0.1',
            'description': 'Where the memory cloud listens.',
        },
        'port': {'type': 'integer', 'minimum': 1, 'maximum': 65535},
        'password': {'type': 'string', 'format': 'password'},
    },
    'required': ['port', 'password'],
    'additionalProperties': False,
}
SOURCE_SCHEMA = {
    'type': 'object',
    'properties': {
        'freeze': {
            'type': 'boolean',
            'default': True,
            'description': 'Let the guest freeze its disks for a snapshot.',
        },
    },
    'additionalProperties': False,
}
TARGET_SCHEMA = {
    'type': 'object',
    'properties': {
        'network': {
            'type': 'string',
            'description': 'Network of worker VMs.',
        },
        'set_dhcp': {'type': 'boolean', 'default': True},
    },
    'additionalProperties': False,
}


class MemoryConnection:
    """Access to one memory cloud."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.inventory = MemoryInventory(client)
        self.exports = MemoryExports(client)
        self.imports = MemoryImports(client)
        self.pools = MemoryPools(client)

    def ping(self) -> None:
        """``AuthFailed`` for a wrong password, ``Unreachable`` when nobody is
        there."""
        self._client.call('ping')

    def close(self) -> None:
        """Closes the connection; may be called twice."""
        self._client.close()


class Provider:
    """A cloud that is one process, for tests and for trying things out."""

    name = 'memory'
    capabilities = (
        base.INVENTORY,
        base.EXPORTS,
        base.IMPORTS,
        base.POOLS,
    )
    connection_schema: base.Schema = CONNECTION_SCHEMA
    source_schema: base.Schema = SOURCE_SCHEMA
    target_schema: base.Schema = TARGET_SCHEMA
    pool_schemas = SCHEMAS

    def connect(self, info: Mapping[str, Any]) -> MemoryConnection:
        """Asks nothing yet: ``ping`` does."""
        return MemoryConnection(
            Client(
                info.get('host', '127.0.0.1'), info['port'], info['password']
            )
        )
