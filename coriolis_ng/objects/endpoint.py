# SPDX-License-Identifier: Apache-2.0
"""A cloud that somebody has access to."""

from __future__ import annotations

import datetime
from typing import Any

from coriolis_ng.objects.value import Value


class EndpointSpec(Value):
    """``connection_info`` is in clear only in the request; it goes to the
    secret store, and rows keep a reference."""

    name: str
    type: str
    connection_info: dict[str, Any]
    description: str = ''
    mapped_regions: tuple[str, ...] = ()


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
    version: int = 0
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None
