# SPDX-License-Identifier: Apache-2.0
"""Which worker gets a task."""

from __future__ import annotations

from typing import Any

import pytest

from coriolis_ng.objects.service import ProviderInfo, Service
from coriolis_ng.scheduler import Needs, pick, why_none


def worker(host: str, *providers: str, **more: Any) -> Service:
    """Providers as ``name:capability:capability``."""
    infos = []
    for text in providers:
        name, *capabilities = text.split(':')
        infos.append(ProviderInfo(name=name, capabilities=tuple(capabilities)))
    given = {
        'id': host,
        'host': host,
        'binary': 'coriolis-worker',
        'providers': tuple(infos),
    }
    return Service(**given | more)


def needs(**providers: str) -> Needs:
    return Needs(
        providers={n: frozenset(w.split()) for n, w in providers.items()}
    )


BOTH = needs(kvm='exports inventory', ceph='imports')


def test_every_provider_with_every_capability() -> None:
    fits = worker('d', 'kvm:inventory:exports', 'ceph:imports:pools')
    services = [
        worker('a', 'kvm:exports:inventory'),
        worker('b', 'kvm:exports', 'ceph:imports'),
        worker('c', 'ceph:imports:exports:inventory'),
        fits,
    ]
    assert pick(services, BOTH) == fits
    assert pick(services[:3], BOTH) is None
    assert why_none(services[:3], BOTH) == (
        'No worker offers "ceph" (imports) and "kvm" (exports, inventory).'
    )


def test_a_provider_without_capabilities_must_still_be_there() -> None:
    assert pick([worker('a', 'x')], needs(kvm='')) is None
    assert pick([worker('a', 'kvm')], needs(kvm='')) is not None


def test_nothing_needed_fits_any_worker() -> None:
    assert pick([worker('a')], Needs()) is not None
    assert pick([], Needs()) is None
    assert why_none([], Needs()) == 'No worker is a worker.'


@pytest.mark.parametrize(
    ('change', 'why'),
    [
        ({'enabled': False}, 'No worker is enabled.'),
        ({'alive': False}, 'No worker is alive.'),
        ({'used': 8}, 'No worker has a free slot.'),
        ({'capacity': 0}, 'No worker has a free slot.'),
    ],
)
def test_who_is_passed_over(change: dict[str, Any], why: str) -> None:
    services = [worker('a', 'kvm:exports', **change)]
    wanted = needs(kvm='exports')
    assert pick(services, wanted) is None
    assert why_none(services, wanted) == why
    other = worker('b', 'kvm:exports')
    assert pick([*services, other], wanted) == other


def test_conductors_run_no_tasks() -> None:
    assert pick([worker('a', binary='coriolis-conductor')], Needs()) is None


def test_a_region_of_the_endpoints_is_served() -> None:
    wanted = Needs(regions=(frozenset({'r1', 'r2'}),))
    far = worker('a', mapped_regions=('r3',))
    near = worker('b', mapped_regions=('r3', 'r2'))
    assert pick([worker('0'), far, near], wanted) == near
    assert pick([far], Needs()) == far


def test_both_ends_of_a_copy_are_served() -> None:
    wanted = Needs(regions=(frozenset({'r1', 'r2'}), frozenset({'r3'})))
    one = worker('a', mapped_regions=('r1', 'r2'))
    other = worker('b', mapped_regions=('r3',))
    assert pick([one, other], wanted) is None
    assert why_none([one, other], wanted) == (
        'No worker serves the regions of the endpoints.'
    )
    both = worker('c', mapped_regions=('r3', 'r2'))
    assert pick([one, other, both], wanted) == both


def test_cleanups_wait_for_no_slot_but_not_on_one_that_ends() -> None:
    full = worker('a', load=9, used=8)
    ending = worker('b', capacity=0)
    assert pick([full, ending], Needs(slot=False)) == full
    assert pick([ending], Needs(slot=False)) is None


def test_the_least_used_wins() -> None:
    big = worker('b', load=3, capacity=16)
    small = worker('a', load=1, capacity=2)
    assert pick([small, big], Needs()) == big
    first, second = worker('a'), worker('b')
    assert pick([second, first], Needs()) == first
