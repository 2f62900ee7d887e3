# SPDX-License-Identifier: Apache-2.0
"""A process of this service, and what a worker offers."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from coriolis_ng.objects.value import Value


class ProviderInfo(Value):
    """What a worker says of a provider it carries.

    ``capabilities`` are words: ``inventory exports imports pools``;
    ``schemas`` maps ``connection source destination`` to JSON Schemas.
    """

    name: str
    capabilities: tuple[str, ...]
    schemas: dict[str, dict[str, Any]] = {}


class Facts(Value):
    """What a process runs on: addresses that others may reach it at,
    packages as ``name release``, words for the operating system."""

    ip_addresses: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    os_info: str = ''
    architecture: str = ''


class Service(Value):
    """``incarnation`` changes with each start of the process; ``load`` is
    how many tasks it runs, ``used`` how many of these took one of its
    ``capacity`` slots (cleanups take none). ``topic`` is its address on
    the bus. ``kinds`` are the tasks that its release has, with the version
    of each, ``facts`` what it runs on; empty where it does not say."""

    id: str
    host: str
    binary: str
    topic: str = ''
    enabled: bool = True
    alive: bool = True
    incarnation: str = ''
    release: str = ''
    mapped_regions: tuple[str, ...] = ()
    providers: tuple[ProviderInfo, ...] = ()
    kinds: dict[str, int] = {}
    facts: Facts = Facts()
    seal_key: str = ''
    load: int = 0
    used: int = 0
    capacity: int = 8
    alive_at: datetime.datetime | None = None
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None

    @property
    def tag(self) -> str:
        """Another one when operators use it in another way, whatever the
        process tells of itself."""
        said = (self.enabled, sorted(self.mapped_regions))
        return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
