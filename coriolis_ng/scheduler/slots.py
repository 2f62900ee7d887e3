# SPDX-License-Identifier: Apache-2.0
"""How many more tasks a worker may be given."""

from __future__ import annotations

from coriolis_ng.objects.service import Service


def free(service: Service) -> int:
    """Free slots; never negative, though cleanups may go beyond."""
    return max(0, service.capacity - service.load)
