# SPDX-License-Identifier: Apache-2.0
"""The Python client: ``Client(session).transfers.list()``.

It speaks REST only, over any keystoneauth1 session, and imports nothing
else of this project.
"""

from coriolis_ng.client.auth import LocalToken
from coriolis_ng.client.client import Client
from coriolis_ng.client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Failed,
    Forbidden,
    NotFound,
    OverLimit,
    ServerError,
    TimedOut,
    Unauthorized,
    Unavailable,
    Unreachable,
)

__all__ = [
    'ApiError',
    'BadRequest',
    'Client',
    'Conflict',
    'Failed',
    'Forbidden',
    'LocalToken',
    'NotFound',
    'OverLimit',
    'ServerError',
    'TimedOut',
    'Unauthorized',
    'Unavailable',
    'Unreachable',
]
