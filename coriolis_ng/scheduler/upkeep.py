# SPDX-License-Identifier: Apache-2.0
"""What a pool of worker VMs needs now: pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coriolis_ng.objects.minion_pool import (
    IdleStrategy,
    MachineState,
    MinionPool,
    Power,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """How many machines are to be made, and ids of those to heal, to
    switch off and to remove."""

    make: int = 0
    heal: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.make or self.heal or self.stop or self.drop)


def needed(
    pool: MinionPool,
    *,
    idle: Sequence[str],
    patient: Collection[str] = (),
    check: bool = False,
) -> Upkeep:
    """``idle`` are free machines that nobody used for long, the longest
    first; ``patient`` are broken ones that were looked at a moment ago.
    With ``check`` every free machine is looked at.

    Broken machines beyond the minimum go, the others are healed.
    """
    spec = pool.spec
    broken = [m.id for m in pool.machines if m.state is MachineState.ERROR]
    beyond = max(0, len(pool.machines) - spec.minimum_minions)
    drop = [id for id in broken if id not in patient][:beyond]
    heal = [id for id in broken if id not in patient and id not in drop]
    beyond -= len(drop)
    surplus = list(idle)[:beyond]
    stop: list[str] = []
    if spec.minion_retention_strategy is IdleStrategy.DELETE:
        drop += surplus
    else:
        off = {m.id for m in pool.machines if m.power is Power.OFF}
        stop = [id for id in surplus if id not in off]
    if check:
        heal += [
            m.id
            for m in pool.machines
            if m.state is MachineState.AVAILABLE
            and m.power is not Power.OFF
            and m.id not in {*drop, *stop}
        ]
    return Upkeep(
        make=max(0, spec.minimum_minions - len(pool.machines)),
        heal=tuple(heal),
        stop=tuple(stop),
        drop=tuple(drop),
    )
