# SPDX-License-Identifier: Apache-2.0
"""A machine of a pool while a task has it: made ready, made anew where it
died, and cleared of everything that one execution left in it.

Its keys are made here and rest in the secret store as long as the machine is
the pool's; what the row and the bus hold is a reference.
"""

from __future__ import annotations

import dataclasses
import logging
import time

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Work
from coriolis_ng.objects.minion import Minion, Ssh
from coriolis_ng.objects.minion_pool import Power
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.providers import pools
from coriolis_ng.providers.base import Options
from coriolis_ng.remote.push import stop_program
from coriolis_ng.remote.ssh import CommandFailed, HostKeyMismatch
from coriolis_ng.remote.talk import TimedOut
from coriolis_ng.tasks import watch
from coriolis_ng.tasks.cleanup import at_target
from coriolis_ng.tasks.minions import (
    AGENT,
    BOOT_SECONDS,
    Guard,
    answered,
    new_keys,
    reach,
)

LOG = logging.getLogger(__name__)

# How it shows that nobody who knows our key answers at an address.
SILENT = (errors.Unreachable, errors.AuthFailed, HostKeyMismatch)
# How it shows that a machine will not work on.
BROKEN = (errors.NotFound, errors.Conflict)

# How it shows that nobody can say what is left in a machine.
UNCLEAR = (
    *SILENT,
    *BROKEN,
    CommandFailed,
    TimedOut,
    errors.QuotaExceeded,  # it was paused: its storage is full
)

# What must not be there once an execution has given a machine back: programs
# that we pushed, and volume groups and arrays that came up by themselves on
# disks that were attached.
LEFT = (
    'ls -d /run/coriolis-*/ /sys/block/dm-* /sys/block/md* 2>/dev/null; exit 0'
)


@dataclasses.dataclass(frozen=True)
class Patience:
    """Seconds to wait for SSH: of a machine that was ``ready``, of one that
    boots, and how long one try takes before its address is looked up
    anew."""

    ready: float = 60
    boot: float = BOOT_SECONDS
    turn: float = 30


PATIENCE = Patience()


class _Lost(errors.Conflict):
    """A machine that cannot be had any more; says what became of it."""


def ready(
    work: Work,
    minion: Minion | None,
    power: Power,
    options: Options,
    patience: Patience = PATIENCE,
) -> Minion:
    """A machine that is there, on, answers, and has nothing attached: this
    one if it can be had, else another in its place."""
    if minion is not None:
        try:
            return _as_it_is(work, minion, power, options, patience)
        except _Lost as lost:
            work.note(
                f'worker VM {minion.id} {lost.message}: another one is made'
            )
        forsake(work, minion)
    return _made(work, options)


def forsake(work: Work, minion: Minion) -> None:
    """Removes it with its key; may be repeated."""
    pools.of(work.target).drop(minion)
    work.dropped(at_target(work, ResourceKind.VM, minion.id, ''))
    if minion.ssh is not None and minion.ssh.key:
        work.forget(minion.ssh.key)


def _as_it_is(
    work: Work,
    minion: Minion,
    power: Power,
    options: Options,
    patience: Patience,
) -> Minion:
    """Raises ``_Lost`` where it cannot be had."""
    if power is Power.UNINITIALIZED:
        raise _Lost('was not given back clean')
    cloud = pools.of(work.target)
    seen = cloud.check(minion)
    if seen is None:
        raise _Lost('died')
    if seen is Power.OFF:
        work.note(f'worker VM {minion.id} is off: it is started')
    try:
        minion = cloud.start(minion, options=options, watch=watch.target(work))
        cloud.detach(minion)
    except BROKEN as error:
        raise _Lost(f'died ({error.message})') from error
    known = seen is Power.ON and power is Power.ON
    seconds = patience.ready if known else patience.boot
    try:
        return _heard(work, minion, options, seconds, patience.turn)
    except (*SILENT, *BROKEN) as error:
        raise _Lost(f'died ({error.message})') from error


def _heard(
    work: Work, minion: Minion, options: Options, seconds: float, turn: float
) -> Minion:
    """The machine, once it answers over SSH; raises why it does not."""
    until = time.monotonic() + seconds
    while minion.ssh is not None:
        left = max(0.1, min(turn, until - time.monotonic()))
        try:
            reach(work, minion.ssh, Guard(work, minion), left).close()
            break
        except SILENT:
            if time.monotonic() >= until:
                raise
        # The key is another machine's: that one has the address by now.
        time.sleep(min(1.0, left))
        minion = pools.of(work.target).start(
            minion, options=options, watch=watch.target(work)
        )
    return minion


def _made(work: Work, options: Options) -> Minion:
    keys = new_keys(work)
    minion = keys.on(
        pools.of(work.target).make(
            keys.given, options=options, watch=watch.target(work)
        )
    )
    work.note(f'worker VM {minion.id} was made')
    answered(work, minion)
    return minion


def cleared(work: Work, minion: Minion, patience: Patience = PATIENCE) -> bool:
    """Takes the volumes and the agent away; false where it cannot be shown
    that nothing stayed."""
    cloud = pools.of(work.target)
    if minion.ssh is None:
        cloud.detach(minion)
        return True
    try:
        left = _clear(work, minion, minion.ssh, patience.ready)
    except UNCLEAR as error:
        LOG.info('minion=%s %s %s', minion.id, error.message, error.detail)
        left = error.message
    if left:
        work.note(f'worker VM {minion.id} cannot be kept as it is: {left}')
    return not left


def _clear(work: Work, minion: Minion, ssh: Ssh, seconds: float) -> str:
    """What is left in it, '' for nothing."""
    guard = Guard(work, minion)
    with reach(work, ssh, guard, seconds) as connected:
        # First who writes, then what it writes to.
        stop_program(connected, AGENT)
        pools.of(work.target).detach(minion)
        ran = connected.run(LEFT, timeout=seconds, stop=guard)
    return ', '.join(ran.stdout.split())


def renewed(work: Work, minion: Minion, options: Options) -> Minion:
    """The machine as if it were new, with fresh keys: what is left of the
    old ones is of no use to anybody. It may still be starting."""
    keys = new_keys(work)
    pools.of(work.target).renew(minion, keys.given, options=options)
    if minion.ssh is not None and minion.ssh.key:
        work.forget(minion.ssh.key)
    work.note(f'worker VM {minion.id} begins anew')
    return keys.on(msgspec.structs.replace(minion, disks={}, agent=None))
