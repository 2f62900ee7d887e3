# SPDX-License-Identifier: Apache-2.0
"""What a pool of worker VMs needs."""

from __future__ import annotations

from typing import Any

from coriolis_ng.objects.minion_pool import (
    IdleStrategy,
    MachineState,
    MinionPool,
    PoolMachine,
    PoolPlatform,
    PoolSpec,
    Power,
)
from coriolis_ng.scheduler.upkeep import Upkeep, needed

FREE, BROKEN = MachineState.AVAILABLE, MachineState.ERROR
USED = MachineState.IN_USE


def pool(*states: MachineState, least: int = 1, **more: Any) -> MinionPool:
    """Machines are called 0, 1, ... and are on."""
    return MinionPool(
        id='p',
        project_id='p1',
        user_id='u',
        spec=PoolSpec(
            name='p',
            endpoint_id='e',
            platform=PoolPlatform.DESTINATION,
            minimum_minions=least,
            maximum_minions=9,
            **more,
        ),
        machines=tuple(
            PoolMachine(id=str(n), pool_id='p', state=state, power=Power.ON)
            for n, state in enumerate(states)
        ),
    )


def test_nothing() -> None:
    assert not needed(pool(FREE), idle=())
    assert not needed(pool(least=0), idle=())
    # One that is idle, but there are to be so many.
    assert not needed(pool(FREE, FREE, least=2), idle=['0', '1'])


def test_missing_ones_are_made() -> None:
    assert needed(pool(least=3), idle=()) == Upkeep(make=3)
    assert needed(pool(USED, least=3), idle=()) == Upkeep(make=2)


def test_idle_ones_beyond_the_minimum_go() -> None:
    found = needed(pool(FREE, USED, FREE), idle=['2', '0'])
    assert found == Upkeep(drop=('2', '0'))
    found = needed(pool(FREE, USED, FREE, least=2), idle=['2', '0'])
    assert found == Upkeep(drop=('2',))


def test_or_are_switched_off_once() -> None:
    off = {'minion_retention_strategy': IdleStrategy.POWEROFF}
    given = pool(FREE, FREE, FREE, **off)
    assert needed(given, idle=['0', '1']) == Upkeep(stop=('0', '1'))
    quiet = pool(**off)
    machine = PoolMachine(id='0', pool_id='p', state=FREE, power=Power.OFF)
    other = PoolMachine(id='1', pool_id='p', state=FREE, power=Power.ON)
    given = MinionPool(
        id='p',
        project_id='p1',
        user_id='u',
        spec=quiet.spec,
        machines=(machine, other),
    )
    assert not needed(given, idle=['0'])


def test_broken_ones_are_healed_or_go() -> None:
    assert needed(pool(BROKEN), idle=()) == Upkeep(heal=('0',))
    found = needed(pool(BROKEN, FREE, BROKEN, least=2), idle=['1'])
    assert found == Upkeep(drop=('0',), heal=('2',))
    # A moment ago it could not be healed.
    assert not needed(pool(BROKEN), idle=(), patient=['0'])


def test_a_check_looks_at_all_that_are_free_and_on() -> None:
    found = needed(pool(FREE, USED, BROKEN, FREE), idle=['3'], check=True)
    assert found == Upkeep(drop=('2', '3'), heal=('0',))


def test_one_that_may_still_be_starting_is_switched_off() -> None:
    off = {'minion_retention_strategy': IdleStrategy.POWEROFF}
    quiet = pool(least=0, **off)
    given = MinionPool(
        id='p',
        project_id='p1',
        user_id='u',
        spec=quiet.spec,
        machines=tuple(
            PoolMachine(id=power, pool_id='p', state=FREE, power=power)
            for power in (Power.ON, Power.UNKNOWN, Power.OFF)
        ),
    )
    found = needed(given, idle=['on', 'unknown', 'off'])
    assert found == Upkeep(stop=('on', 'unknown'))
