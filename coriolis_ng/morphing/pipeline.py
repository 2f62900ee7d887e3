# SPDX-License-Identifier: Apache-2.0
"""Morphing from end to end: mount, inspect, plan, change, unmount."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from coriolis_ng import errors
from coriolis_ng.morphing.guest import Guest
from coriolis_ng.morphing.inspect import inspect
from coriolis_ng.morphing.mounts import mounted
from coriolis_ng.morphing.root import Root, SshWorker, Stop
from coriolis_ng.morphing.stages import STAGES, Note, Stage
from coriolis_ng.morphing.stages.user_scripts import run_scripts
from coriolis_ng.morphing.target import Phase, Target
from coriolis_ng.objects import Value
from coriolis_ng.remote.ssh import Ssh

LOG = logging.getLogger(__name__)


class MorphError(errors.CoriolisError):
    """A guest could not be adapted."""

    code = 'morphing_failed'


class StageRun(Value):
    """A stage that was run, its notes, and ``error`` if it was optional and
    failed."""

    name: str
    seconds: float
    notes: tuple[str, ...] = ()
    error: str = ''


class Morphed(Value):
    """What the guest was and what was done to it; ``stages`` are names in
    the order in which they ran, ``runs`` tells more of each."""

    guest: Guest
    runs: tuple[StageRun, ...] = ()
    seconds: float = 0.0

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages that ran, in order."""
        return tuple(run.name for run in self.runs)


def plan(
    guest: Guest,
    target: Target,
    stages: Sequence[type[Stage]] = STAGES,
) -> list[str]:
    """The names of the stages that would run; pure."""
    return [stage.name for stage in stages if stage.applies(guest, target)]


def morph(
    ssh: Ssh,
    target: Target,
    *,
    serials: Sequence[str],
    note: Note = LOG.info,
    stop: Stop | None = None,
    stages: Sequence[type[Stage]] = STAGES,
    clock: Callable[[], float] = time.monotonic,
) -> Morphed:
    """Adapt the guest on some disks of the machine behind ``ssh``.

    ``serials`` are serials or device paths in boot order; no other disk of
    the worker is touched. ``note`` gets sentences for the user; ``stop`` is
    asked often and may raise instead of answering true. May be called again
    on the same disks after a failure. Raises ``MorphError``, ``NotFound``,
    ``Conflict``, ``Unsupported``, ``Unreachable``, ``Canceled``.
    """
    begun = clock()
    with SshWorker.started(ssh, stop) as worker:
        before = target.scripts(Phase.PRE_MOUNT)
        if before:
            # No guest is mounted yet: $1 is empty.
            _told(
                'user_scripts', lambda: run_scripts(worker, before, '', note)
            )
        with mounted(worker, serials, note) as (root, found):
            guest = inspect(root, found.file_systems, found.root)
            note(describe(guest))
            names = plan(guest, target, stages)
            note(f'Plan: {", ".join(names) or "nothing to do"}.')
            runs = []
            for stage in stages:
                if stage.name in names:
                    runs.append(
                        run_stage(stage, root, guest, target, note, clock)
                    )
    return Morphed(
        guest=guest, runs=tuple(runs), seconds=round(clock() - begun, 3)
    )


def run_stage(
    kind: type[Stage],
    root: Root,
    guest: Guest,
    target: Target,
    note: Note,
    clock: Callable[[], float] = time.monotonic,
) -> StageRun:
    """Run one stage; ``MorphError`` unless it is optional."""
    notes: list[str] = []

    def tell(text: str) -> None:
        notes.append(text)
        note(f'{kind.name}: {text}')

    begun = clock()
    stage = kind(tell)
    error = ''
    try:
        _told(kind.name, lambda: stage.run(root, guest, target))
    except MorphError as failed:
        if not kind.optional:
            raise
        error = failed.message
        tell(f'Failed, and is not needed to boot: {error} {failed.detail}')
    return StageRun(
        name=kind.name,
        seconds=round(clock() - begun, 3),
        notes=tuple(notes),
        error=error,
    )


def describe(guest: Guest) -> str:
    """One sentence for the user."""
    kernels = ', '.join(kernel.version for kernel in guest.kernels)
    network = ', '.join(stack.value for stack in guest.network)
    return (
        f'Found {guest.name} ({guest.arch or "unknown"}), boots by '
        f'{guest.firmware.value} and {guest.bootloader.value}, network by '
        f'{network or "nothing known"}, kernels {kernels or "none"}.'
    )


def _told(name: str, call: Callable[[], None]) -> None:
    """What stages raise, with the name of the stage; a lost connection and
    a wish to stop stay what they are."""
    try:
        call()
    except (errors.Unreachable, errors.Canceled):
        raise
    except errors.CoriolisError as error:
        raise MorphError(
            f'Stage "{name}" failed: {error.message}', detail=error.detail
        ) from error
    except OSError as error:
        raise MorphError(f'Stage "{name}" failed: {error}') from error
