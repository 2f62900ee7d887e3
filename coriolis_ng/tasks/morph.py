# SPDX-License-Identifier: Apache-2.0
"""Adapt a guest to the machine that its disks will boot in."""

from __future__ import annotations

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Side, Task, Work
from coriolis_ng.morphing import pipeline
from coriolis_ng.morphing.target import Phase, Target
from coriolis_ng.morphing.target import UserScript as GuestScript
from coriolis_ng.objects import Value
from coriolis_ng.objects.deployment import DeployedVm
from coriolis_ng.objects.minion import Minion, Ssh
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.transfer import UserScript
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import ClonedVolumes
from coriolis_ng.tasks.minions import Guard, cause, reach


class MorphVm(Task):
    """Mount the clones in a worker VM and run the stages that apply."""

    side = Side.TARGET
    needs = ('imports',)
    subject = DeployedVm
    # A half-adapted guest is adapted again: every stage is idempotent.
    resumable = True
    silent_seconds = 1800

    class Input(Value):
        vm: Vm
        volumes: ClonedVolumes
        minion: Minion
        scripts: tuple[UserScript, ...] = ()
        set_dhcp: bool | None = None

    class Output(Value):
        stages: tuple[str, ...] = ()

    def run(self, work: Work, given: Input) -> Output:
        # First of all: scripts that cannot be had are told in time.
        scripts = tuple(_clear(work, one) for one in given.scripts)
        if given.minion.ssh is None:
            work.note(
                'This platform has no worker VMs: the guest is not adapted.',
                Level.WARNING,
            )
            return self.Output()
        set_dhcp = given.set_dhcp
        if set_dhcp is None:
            set_dhcp = work.target_options.get('set_dhcp', True)
        target = Target(
            firmware=given.vm.firmware,
            nics=given.vm.nics,
            set_dhcp=set_dhcp,
            user_scripts=scripts,
        )
        try:
            stages = _morph(work, given.minion, given.minion.ssh, target)
        except errors.Unreachable as error:
            raise cause(work, given.minion) or error from error
        return self.Output(stages=stages)

    def apply(self, subject: DeployedVm, made: Output) -> DeployedVm:
        return msgspec.structs.replace(subject, morphed=made.stages)


def _morph(
    work: Work, minion: Minion, ssh: Ssh, target: Target
) -> tuple[str, ...]:
    guard = Guard(work, minion)
    with reach(work, ssh, guard) as connected:
        morphed = pipeline.morph(
            connected,
            target,
            serials=tuple(minion.disks.values()),
            note=work.note,
            stop=guard,
        )
    return tuple(morphed.stages)


def _clear(work: Work, script: UserScript) -> GuestScript:
    text = script.payload
    if script.secret:
        text = work.secret(script.secret).decode()
    return GuestScript(payload=text, phase=Phase(script.phase))
