# SPDX-License-Identifier: Apache-2.0
"""The entry point of the KVM provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coriolis_ng.providers import base
from coriolis_ng.providers.kvm import schemas
from coriolis_ng.providers.kvm.connection import Access
from coriolis_ng.providers.kvm.directories import DEFAULTS, Directories
from coriolis_ng.providers.kvm.exports import Exports
from coriolis_ng.providers.kvm.imports import Imports
from coriolis_ng.providers.kvm.inventory import Inventory
from coriolis_ng.providers.kvm.minionpools import MinionPools


class Connection:
    """One libvirt daemon, as both ends of a transfer."""

    def __init__(
        self, info: Mapping[str, Any], directories: Directories
    ) -> None:
        self._access = Access(info)
        self.inventory = Inventory(self._access)
        self.exports = Exports(self._access, self.inventory, directories)
        self.imports = Imports(self._access, self.inventory, directories)
        self.pools = MinionPools(self._access, self.inventory, directories)

    def ping(self) -> None:
        """Raises ``AuthFailed`` or ``Unreachable``."""
        self._access.ping()

    def close(self) -> None:
        """Closes the libvirt connection; may be called twice."""
        self._access.close()


class Provider:
    """KVM and QEMU guests that libvirt looks after.

    ``directories`` are where on the host environments may lead.
    """

    name = 'kvm'
    capabilities = (base.INVENTORY, base.EXPORTS, base.IMPORTS, base.POOLS)
    connection_schema = schemas.CONNECTION
    source_schema = schemas.SOURCE
    target_schema = schemas.TARGET
    pool_schemas = schemas.POOLS

    def __init__(self, directories: Sequence[str] = DEFAULTS) -> None:
        self.settings = {'directories': list(directories)}
        self._directories = Directories(directories)

    def connect(self, info: Mapping[str, Any]) -> Connection:
        """Opens nothing yet; ``InvalidInput`` for a URI not allowed."""
        return Connection(info, self._directories)
