# SPDX-License-Identifier: Apache-2.0
"""What a worker must be or have; each filter is one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coriolis_ng.objects.service import Service
from coriolis_ng.scheduler import slots

WORKER = 'coriolis-worker'


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one task asks of a worker.

    ``providers`` maps a provider to the capabilities it must have there;
    ``regions`` has those of each endpoint that lies in any (none: it can be
    reached from anywhere); ``slot`` is false for what never waits for a free
    slot: cleanups and questions.
    """

    providers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    regions: tuple[frozenset[str], ...] = ()
    slot: bool = True


Filter = Callable[[Service, Needs], bool]


def is_worker(service: Service, needs: Needs) -> bool:
    """Conductors have rows too."""
    return service.binary == WORKER


def is_enabled(service: Service, needs: Needs) -> bool:
    return service.enabled


def is_alive(service: Service, needs: Needs) -> bool:
    return service.alive


def offers(service: Service, needs: Needs) -> bool:
    """It carries every provider, each with the capabilities asked for."""
    offered = {p.name: frozenset(p.capabilities) for p in service.providers}
    return all(
        wanted <= offered.get(name, frozenset()) and name in offered
        for name, wanted in needs.providers.items()
    )


def is_near(service: Service, needs: Needs) -> bool:
    """It serves a region of every endpoint that has any: a copy needs
    both of its ends."""
    served = frozenset(service.mapped_regions)
    return all(not served.isdisjoint(of_one) for of_one in needs.regions)


def has_slot(service: Service, needs: Needs) -> bool:
    """A worker that is about to end says that it has no slot at all."""
    if not needs.slot:
        return service.capacity > 0
    return slots.free(service) > 0


# In the order of what helps most to know when none is left.
FILTERS: tuple[tuple[str, Filter], ...] = (
    ('is a worker', is_worker),
    ('offers {needs}', offers),
    ('serves the regions of the endpoints', is_near),
    ('is enabled', is_enabled),
    ('is alive', is_alive),
    ('has a free slot', has_slot),
)
