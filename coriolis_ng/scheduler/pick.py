# SPDX-License-Identifier: Apache-2.0
"""The choice: filter, then weigh."""

from __future__ import annotations

from collections.abc import Iterable

from coriolis_ng.objects.service import Service
from coriolis_ng.scheduler.filters import FILTERS, Needs
from coriolis_ng.scheduler.weighers import weight


def pick(services: Iterable[Service], needs: Needs) -> Service | None:
    """The best worker, or None; ``why_none`` tells why."""
    fit = [s for s in services if all(rule(s, needs) for _, rule in FILTERS)]
    return min(fit, key=weight, default=None)


def why_none(services: Iterable[Service], needs: Needs) -> str:
    """The first filter that nobody passes, as a sentence for users."""
    left = list(services)
    for text, rule in FILTERS:
        left = [s for s in left if rule(s, needs)]
        if not left:
            return f'No worker {text.format(needs=_named(needs))}.'
    return 'No worker was found.'


def _named(needs: Needs) -> str:
    wanted = [
        f'"{name}" ({", ".join(sorted(capabilities))})'
        if capabilities
        else f'"{name}"'
        for name, capabilities in sorted(needs.providers.items())
    ]
    return ' and '.join(wanted) or 'anything'
