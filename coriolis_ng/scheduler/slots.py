# SPDX-License-Identifier: Apache-2.0
"""How many more tasks a worker may be given."""

from __future__ import annotations

from coriolis_ng.objects.service import Service


def free(service: Service) -> int:
    """Free slots, as far as the row that was read can tell: the start
    itself counts again. Never negative, though a worker may have been given
    fewer than it uses."""
    return max(0, service.capacity - service.used)
