# SPDX-License-Identifier: Apache-2.0
"""Services: the processes that do the work, and what they run on."""

from __future__ import annotations

import builtins

from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection
from coriolis_ng.client.resource import Resource, Stamped


class Service(Stamped):
    """A process; ``status`` is UP while it says that it lives."""

    host: str
    binary: str
    topic: str
    enabled: bool
    status: str
    providers: Json
    specs: Json
    mapped_regions: list[str]


class Diagnostics(Resource):
    """What one process runs on."""

    application: str
    hostname: str
    ip_addresses: list[str]
    packages: list[str]
    os_info: str
    architecture: str


class Services(Collection[Service]):
    path, one, many, kind = '/services', 'service', 'services', Service

    def diagnostics(self) -> builtins.list[Diagnostics]:
        """What all processes run on."""
        found = self.api.ask('GET', '/diagnostics')['diagnostics']
        return [Diagnostics(one) for one in found]
