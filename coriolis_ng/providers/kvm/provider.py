# SPDX-License-Identifier: Apache-2.0
"""The entry point of the KVM provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coriolis_ng.providers import base
from coriolis_ng.providers.kvm import schemas
from coriolis_ng.providers.kvm.connection import Access
from coriolis_ng.providers.kvm.exports import Exports
from coriolis_ng.providers.kvm.imports import Imports
from coriolis_ng.providers.kvm.inventory import Inventory


class Connection:
    """One libvirt daemon, as both ends of a transfer."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._access = Access(info)
        self.inventory = Inventory(self._access)
        self.exports = Exports(self._access, self.inventory)
        self.imports = Imports(self._access, self.inventory)

    def ping(self) -> None:
        """Raises ``AuthFailed`` or ``Unreachable``."""
        self._access.ping()

    def close(self) -> None:
        """Closes the libvirt connection; may be called twice."""
        self._access.close()


class Provider:
    """KVM and QEMU guests that libvirt looks after."""

    name = 'kvm'
    capabilities = (base.INVENTORY, base.EXPORTS, base.IMPORTS)
    connection_schema = schemas.CONNECTION
    source_schema = schemas.SOURCE
    target_schema = schemas.TARGET

    def connect(self, info: Mapping[str, Any]) -> Connection:
        """Opens nothing yet; ``InvalidInput`` for a URI not allowed."""
        return Connection(info)
