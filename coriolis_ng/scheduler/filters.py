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
    slot: cleanups and questions. ``kind`` is the task's name ('' for a
    question) and ``version`` that of its input; ``scopes`` are what it
    takes a slot of beside the worker, in the order of their keys.
    """

    providers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    regions: tuple[frozenset[str], ...] = ()
    slot: bool = True
    kind: str = ''
    version: int = 1
    scopes: tuple[slots.Scope, ...] = ()


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


def knows(service: Service, needs: Needs) -> bool:
    """Its release has this kind of task, in this version or a newer one. A
    worker that does not say what it knows is asked, and says then."""
    if not needs.kind or not service.kinds or ':' in needs.kind:
        return True
    return service.kinds.get(needs.kind, 0) >= needs.version


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


# All of these but the last are about what a worker is, not about how much
# it has to do.
# In the order of what helps most to know when none is left.
FILTERS: tuple[tuple[str, Filter], ...] = (
    ('is a worker', is_worker),
    ('offers {needs}', offers),
    ('is new enough for this task', knows),
    ('serves the regions of the endpoints', is_near),
    ('is enabled', is_enabled),
    ('is alive', is_alive),
    ('has a free slot', has_slot),
)
