# SPDX-License-Identifier: Apache-2.0
"""Machines of pools: made, healed, retired, lent to executions.

What they change is the row of the machine, so that a machine that was made
anew in the middle of an execution is the pool's from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Cleanup, Side, Task, Work
from coriolis_ng.objects import Value
from coriolis_ng.objects.minion import Minion
from coriolis_ng.objects.minion_pool import MachineState, PoolMachine, Power
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.volume import ClonedVolumes, Volume, Volumes
from coriolis_ng.providers import pools
from coriolis_ng.tasks import watch
from coriolis_ng.tasks.cleanup import at_target


class _OfMachine(Value):
    """Both are filled in by ``renew``: the machine as it is now."""

    minion: Minion | None = None
    options: dict[str, Any] = {}


def _now(subject: PoolMachine, given: Any) -> Any:
    return msgspec.structs.replace(
        given, minion=subject.minion, options=subject.options
    )


def _ready(work: Work, minion: Minion | None, options: dict[str, Any]) -> Any:
    """A machine that is there, on, and has nothing attached."""
    cloud = pools.of(work.target)
    if minion is not None and not cloud.check(minion):
        work.note(f'worker VM {minion.id} died: another one is made')
        work.dropped(at_target(work, ResourceKind.VM, minion.id, ''))
        minion = None
    if minion is None:
        minion = cloud.make(options=options, watch=watch.target(work))
        if minion.ssh is not None:
            # Its keys would have to outlive the execution that made them.
            raise errors.Unsupported(
                'Pools of worker VMs with SSH are not supported yet.'
            )
        work.note(f'worker VM {minion.id} was made')
    cloud.start(minion)
    cloud.detach(minion)
    return minion


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
        return self.Output(minion=_ready(work, given.minion, given.options))

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
            cloud = pools.of(work.target)
            cloud.detach(given.minion)
            cloud.drop(given.minion)
            gone = at_target(work, ResourceKind.VM, given.minion.id, '')
            work.dropped(gone)
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

    def _lend(self, work: Work, given: Any, volumes: Sequence[Volume]) -> Any:
        minion = _ready(work, given.minion, given.options)
        lent = pools.of(work.target).attach(
            minion, volumes, watch=watch.target(work)
        )
        work.note(f'worker VM {lent.id} of the pool is used')
        return self.Output(minion=lent)

    def renew(self, subject: PoolMachine, given: Any) -> Any:
        return _now(subject, given)

    def apply(self, subject: PoolMachine, made: Output) -> PoolMachine:
        own = msgspec.structs.replace(made.minion, disks={})
        return msgspec.structs.replace(subject, minion=own, power=Power.ON)


class TakeFromPool(_Take):
    """A machine of a pool with the replica's volumes."""

    class Input(_OfMachine, kw_only=True):
        volumes: Volumes

    def run(self, work: Work, given: Input) -> _Take.Output:
        made: _Take.Output = self._lend(work, given, given.volumes.items)
        return made


class TakeToMorph(_Take):
    """A machine of a pool with a deployment's own volumes.

    It takes ``ClonedVolumes``: the replica's disks cannot be handed to it.
    """

    class Input(_OfMachine, kw_only=True):
        volumes: ClonedVolumes

    def run(self, work: Work, given: Input) -> _Take.Output:
        made: _Take.Output = self._lend(work, given, given.volumes.items)
        return made


class GiveBack(Cleanup):
    """Takes the volumes off a machine of a pool; the execution has it
    until it ends."""

    side = Side.TARGET
    needs = ('imports', 'pools')
    subject = PoolMachine

    class Input(_OfMachine, kw_only=True):
        pass

    def run(self, work: Work, given: _OfMachine) -> Task.Output:
        if given.minion is not None:
            pools.of(work.target).detach(given.minion)
        return self.Output()

    def renew(self, subject: PoolMachine, given: _OfMachine) -> Any:
        return _now(subject, given)

    def failed(self, subject: PoolMachine, code: str) -> PoolMachine:
        return msgspec.structs.replace(
            subject, state=MachineState.ERROR, power=Power.UNKNOWN
        )
