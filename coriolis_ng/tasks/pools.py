# SPDX-License-Identifier: Apache-2.0
"""Machines of pools: made, healed, retired, lent to executions.

What they change is the row of the machine, so that a machine that was made
anew in the middle of an execution is the pool's from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from coriolis_ng.engine.task import Cleanup, Side, Task, Work
from coriolis_ng.objects import Value
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.minion_pool import MachineState, PoolMachine, Power
from coriolis_ng.objects.volume import ClonedVolumes, Volume, Volumes
from coriolis_ng.providers import pools
from coriolis_ng.tasks import pooled, watch
from coriolis_ng.tasks.minions import start_agent


class _OfMachine(Value):
    """Filled in by ``renew``: the machine as it is now."""

    minion: Minion | None = None
    options: dict[str, Any] = {}
    power: Power = Power.UNKNOWN


def _now(subject: PoolMachine, given: Any) -> Any:
    return msgspec.structs.replace(
        given,
        minion=subject.minion,
        options=subject.options,
        power=subject.power,
    )


def _ready(work: Work, given: _OfMachine) -> Minion:
    return pooled.ready(work, given.minion, given.power, given.options)


class _Upkeep(Task):
    """What is done to a machine of a pool for the pool's own sake."""

    side = Side.TARGET
    needs = ('imports', 'pools')
    subject = PoolMachine

    class Input(_OfMachine, kw_only=True):
        pass

    def renew(self, subject: PoolMachine, given: _OfMachine) -> Any:
        return _now(subject, given)

    def failed(self, subject: PoolMachine, code: str) -> PoolMachine:
        return msgspec.structs.replace(
            subject, state=MachineState.ERROR, power=Power.UNKNOWN
        )


class KeepMachine(_Upkeep):
    """A machine of a pool that works: made where there is none, made anew
    where it died."""

    silent_seconds = 900

    class Output(Value):
        minion: Minion

    def run(self, work: Work, given: _OfMachine) -> Output:
        return self.Output(minion=_ready(work, given))

    def apply(self, subject: PoolMachine, made: Output) -> PoolMachine:
        return msgspec.structs.replace(
            subject, minion=made.minion, power=Power.ON
        )


class StopMachine(_Upkeep):
    """A machine of a pool that nobody uses, off until it is wanted."""

    def run(self, work: Work, given: _OfMachine) -> Task.Output:
        if given.minion is not None:
            pools.of(work.target).stop(given.minion)
        return self.Output()

    def apply(self, subject: PoolMachine, made: Task.Output) -> PoolMachine:
        return msgspec.structs.replace(subject, power=Power.OFF)


class DropMachine(_Upkeep):
    """A machine of a pool that goes for good."""

    def run(self, work: Work, given: _OfMachine) -> Task.Output:
        if given.minion is not None:
            pooled.forsake(work, given.minion)
        return self.Output()

    def apply(self, subject: PoolMachine, made: Task.Output) -> PoolMachine:
        return msgspec.structs.replace(
            subject, minion=None, power=Power.UNINITIALIZED
        )

    def failed(self, subject: PoolMachine, code: str) -> PoolMachine:
        return msgspec.structs.replace(subject, state=MachineState.ERROR)


class _Take(Task):
    side = Side.TARGET
    needs = ('imports', 'pools')
    silent_seconds = 900
    subject = PoolMachine

    class Output(Value):
        minion: Minion

    def _lend(
        self, work: Work, given: _OfMachine, volumes: Sequence[Volume]
    ) -> Minion:
        lent = pools.of(work.target).attach(
            _ready(work, given), volumes, watch=watch.target(work)
        )
        work.note(f'worker VM {lent.id} of the pool is used')
        return lent

    def renew(self, subject: PoolMachine, given: Any) -> Any:
        return _now(subject, given)

    def apply(self, subject: PoolMachine, made: Output) -> PoolMachine:
        # What it has beside is the execution's, and ends with it.
        own = msgspec.structs.replace(made.minion, disks={}, agent=None)
        return msgspec.structs.replace(subject, minion=own, power=Power.ON)


class TakeFromPool(_Take):
    """A machine of a pool with the replica's volumes, and the agent in it
    for this execution alone."""

    class Input(_OfMachine, kw_only=True):
        volumes: Volumes

    def run(self, work: Work, given: Input) -> _Take.Output:
        minion = self._lend(work, given, given.volumes.items)
        if minion.ssh is not None:
            agent = start_agent(work, minion, minion.ssh)
            minion = msgspec.structs.replace(minion, agent=agent)
        return self.Output(minion=minion)


class TakeToMorph(_Take):
    """A machine of a pool with a deployment's own volumes.

    It takes ``ClonedVolumes``: the replica's disks cannot be handed to it.
    """

    class Input(_OfMachine, kw_only=True):
        volumes: ClonedVolumes

    def run(self, work: Work, given: Input) -> _Take.Output:
        return self.Output(minion=self._lend(work, given, given.volumes.items))


class GiveBack(Cleanup):
    """Takes away what an execution had in a machine of a pool: volumes,
    agent, certificates. Where that cannot be shown, or programs of a guest
    ran in it, it becomes a new machine.

    The execution has it until it ends.
    """

    side = Side.TARGET
    needs = ('imports', 'pools')
    subject = PoolMachine

    class Input(_OfMachine, kw_only=True):
        """``guest_ran`` says that a guest was adapted in it."""

        guest_ran: bool = False

    class Output(Value):
        """The machine where it was changed; it may still be starting."""

        minion: Minion | None = None

    def run(self, work: Work, given: Input) -> Output:
        minion = given.minion
        seen = minion and pools.of(work.target).check(minion)
        if minion is None or seen is None:
            # Whoever has it next makes another one.
            return self.Output()
        answers = minion.ssh is None or seen is Power.ON
        if answers and not given.guest_ran and pooled.cleared(work, minion):
            return self.Output()
        return self.Output(minion=pooled.renewed(work, minion, given.options))

    def apply(self, subject: PoolMachine, made: Output) -> PoolMachine:
        if made.minion is None:
            return subject
        # One with a system of its own still starts it.
        power = Power.UNKNOWN if made.minion.ssh else Power.ON
        return msgspec.structs.replace(
            subject, minion=made.minion, power=power
        )

    def renew(self, subject: PoolMachine, given: Input) -> Any:
        return _now(subject, given)

    def failed(self, subject: PoolMachine, code: str) -> PoolMachine:
        return unclean(subject)


def unclean(machine: PoolMachine) -> PoolMachine:
    """The machine when nobody can tell what is left in it: nobody gets it
    before it was removed and made anew."""
    return msgspec.structs.replace(
        machine, state=MachineState.ERROR, power=Power.UNINITIALIZED
    )
