# SPDX-License-Identifier: Apache-2.0
"""Which of several workers is the best: the smallest weight wins."""

from __future__ import annotations

from coriolis_ng.objects.service import Service


def weight(service: Service) -> tuple[float, int, str]:
    """Least used first; the host only makes the choice repeatable."""
    used = service.load / max(1, service.capacity)
    return used, service.load, service.host
