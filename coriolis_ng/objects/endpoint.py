# SPDX-License-Identifier: Apache-2.0
"""A cloud that somebody has access to."""

from __future__ import annotations

import datetime
from typing import Any

from coriolis_ng.objects.bandwidth import Bandwidth
from coriolis_ng.objects.value import Value


class EndpointSpec(Value):
    """``connection_info`` is in clear only in the request; it goes to the
    secret store, and rows keep a reference. ``slots`` is how many tasks run
    on it at once (None: what the configuration says), ``bandwidth`` what
    all copies from it and to it may take together."""

    name: str
    type: str
    connection_info: dict[str, Any]
    description: str = ''
    mapped_regions: tuple[str, ...] = ()
    slots: int | None = None
    bandwidth: Bandwidth | None = None


class Endpoint(Value):
    """``secret`` refers to the connection information in the store."""

    id: str
    project_id: str
    user_id: str
    name: str
    type: str
    secret: str
    description: str = ''
    mapped_regions: tuple[str, ...] = ()
    slots: int | None = None
    bandwidth: Bandwidth | None = None
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
