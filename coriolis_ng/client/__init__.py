# SPDX-License-Identifier: Apache-2.0
"""The Python client: ``Client(session).transfers.list()``.

It speaks REST only, over any keystoneauth1 session, and imports nothing
else of this project.
"""

from coriolis_ng.client.client import Client
from coriolis_ng.client.errors import ApiError

__all__ = ['ApiError', 'Client']
