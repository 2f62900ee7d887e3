# SPDX-License-Identifier: Apache-2.0
"""The user's own changes, made on the worker machine only."""

from __future__ import annotations

import time
from collections.abc import Callable

from coriolis_ng.morphing.guest import Guest
from coriolis_ng.morphing.root import Root, Worker, run_script
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import Phase, Target, UserScript

SCRIPT_SECONDS = 3600.0
SHOWN_LINES = 20


class UserScripts(Stage):
    """Run the user's scripts as root on the worker, with the folder of the
    guest's root file system as ``$1``; they are not confined to it.

    A script that fails fails the morphing. Its body is a file that only
    root can read, for as long as it runs.
    """

    name = 'user_scripts'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """Where the user gave scripts for the mounted guest."""
        return guest.is_linux and bool(target.scripts(Phase.POST_MOUNT))

    def run(
        self,
        root: Root,
        guest: Guest,  # noqa: ARG002
        target: Target,
    ) -> None:
        """Runs them on the worker with the guest's mount point;
        ``CommandFailed`` at the first that fails."""
        run_scripts(
            root.worker, target.scripts(Phase.POST_MOUNT), root.top, self.note
        )


def run_scripts(
    worker: Worker,
    scripts: tuple[UserScript, ...],
    top: str,
    note: Callable[[str], None],
) -> None:
    """Run scripts one after the other; ``CommandFailed`` at the first that
    fails. The last lines of their output become notes."""
    for number, script in enumerate(scripts, 1):
        begun = time.monotonic()
        ran = run_script(
            worker,
            _interpreter(script),
            script.payload,
            [top],
            timeout=SCRIPT_SECONDS,
        )
        seconds = time.monotonic() - begun
        note(f'User script {number} ended after {seconds:.0f} s.')
        for line in ran.stdout.splitlines()[-SHOWN_LINES:]:
            note(f'  {line}')


def _interpreter(script: UserScript) -> list[str]:
    """What its first line names: /run is usually mounted noexec, so that
    the script itself cannot be started."""
    first = script.payload.partition('\n')[0].strip()
    if not first.startswith('#!'):
        return ['/bin/sh']
    return first[2:].split(None, 1)
