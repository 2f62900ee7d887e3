# SPDX-License-Identifier: Apache-2.0
"""The machine itself: freeze it, shut it down, build it anew."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Cleanup, Side, Task, Work
from coriolis_ng.objects import Value, from_plain
from coriolis_ng.objects.deployment import DeployedVm, Handover
from coriolis_ng.objects.replica import Replica
from coriolis_ng.objects.resource import ResourceKind
from coriolis_ng.objects.snapshot import Snapshot
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.vm import Power, Vm
from coriolis_ng.objects.volume import ClonedVolumes
from coriolis_ng.tasks import watch
from coriolis_ng.tasks.cleanup import at_target, drop_all


class SnapshotVm(Task):
    """A consistent view of all disks, and the mark of the next delta."""

    side = Side.SOURCE
    needs = ('exports',)
    subject = Replica

    class Input(Value):
        vm: Vm
        since: str | None = None

    class Output(Value):
        snapshot: Snapshot

    def run(self, work: Work, given: Input) -> Output:
        snapshot = work.source.exports.make_snapshot(
            given.vm,
            since=given.since,
            options=work.source_options,
            watch=watch.source(work),
        )
        text = f'{snapshot.consistency}-consistent snapshot'
        if snapshot.consistency_reason:
            text += f' ({snapshot.consistency_reason})'
        work.note(text)
        return self.Output(snapshot=snapshot)

    def apply(self, subject: Replica, made: Output) -> Replica:
        # What comes next writes to the volumes: they cannot be trusted
        # again before a recovery point stands.
        dirty = tuple(
            msgspec.structs.replace(d, dirty=True) for d in subject.disks
        )
        return msgspec.structs.replace(subject, disks=dirty)


GRACE_SECONDS = 180


class ShutDownVm(Task):
    """Switch the source's machine off, before the last delta."""

    side = Side.SOURCE
    needs = ('exports',)

    class Input(Value):
        vm: Vm
        grace_seconds: int = GRACE_SECONDS

    class Output(Value):
        vm: Vm

    class Found(Value):
        """How the machine was found: kept before it is asked to go off, so
        that it is known however this ends."""

        was_on: bool

    def run(self, work: Work, given: Input) -> Output:
        if work.resumed(self.Found) is None:
            # ``given.vm`` is of the beginning, hours ago perhaps.
            now = work.source.inventory.get_vm(given.vm.id)
            work.settle(self.Found(was_on=now.power is Power.ON))
        work.source.exports.shut_down(
            given.vm,
            watch=watch.source(work),
            grace_seconds=given.grace_seconds,
        )
        work.note(f'{given.vm.name} is off')
        return self.Output(vm=work.source.inventory.get_vm(given.vm.id))

    @classmethod
    def switched_off(cls, checkpoint: dict[str, Any]) -> bool:
        return from_plain(cls.Found, checkpoint).was_on


class RestartVm(Cleanup):
    """Switch the source's machine on again where its last copy came to
    nothing: the source is left as it was when it was to be shut down."""

    side = Side.SOURCE
    needs = ('exports',)
    subject = Replica

    class Input(Value):
        """The machine stays off where the execution made all of its
        ``rounds`` points. ``made_by`` are the executions of the replica's
        points."""

        vm: Vm
        rounds: int
        made_by: tuple[str, ...] = ()
        grace_seconds: int = GRACE_SECONDS

    class Output(Value):
        restarted: bool = False

    def renew(self, subject: Replica, given: Input) -> Input:
        made_by = tuple(point.execution_id for point in subject.points)
        return msgspec.structs.replace(given, made_by=made_by)

    def run(self, work: Work, given: Input) -> Output:
        name = given.vm.name
        made = given.made_by.count(work.tag.split(':')[1])
        found = work.cleaned(ShutDownVm.Found)
        if made >= given.rounds or not any(one.was_on for one in found):
            return self.Output()
        try:
            runs = work.source.exports.start_up(
                given.vm,
                watch=watch.source(work),
                grace_seconds=given.grace_seconds,
            )
        except errors.CoriolisError as error:
            work.note(
                f'{name} was shut down for its last copy, which failed, and '
                f'could not be started again: {error.message} Start it by '
                'hand.',
                Level.ERROR,
            )
            raise
        work.note(
            f'{name} runs again: its last copy failed after it was shut down'
            if runs
            else f'{name} was asked to shut down and still runs '
            f'{given.grace_seconds} s later. Should it go off yet, start it '
            'by hand.',
            Level.WARNING,
        )
        return self.Output(restarted=runs)


class StartVm(Task):
    """Switch the source's machine on again: what it was shut down for came
    to nothing."""

    side = Side.SOURCE
    needs = ('exports',)

    class Input(Value):
        vm: Vm
        grace_seconds: int = GRACE_SECONDS

    class Output(Value):
        pass

    def run(self, work: Work, given: Input) -> Output:
        name = given.vm.name
        if given.vm.power is Power.ON:
            work.note(f'{name} runs already')
            return self.Output()
        work.source.exports.start_up(
            given.vm,
            watch=watch.source(work),
            grace_seconds=given.grace_seconds,
        )
        work.note(
            f'{name} runs again at the source: the deployment that it was '
            'shut down for did not succeed',
            Level.WARNING,
        )
        return self.Output()


class MakeVm(Task):
    """Define and start the machine on the destination."""

    side = Side.TARGET
    needs = ('imports',)
    subject = DeployedVm

    class Input(Value):
        vm: Vm
        volumes: ClonedVolumes
        name: str
        network_map: dict[str, Any] = {}
        isolated: bool = False

    class Output(Value):
        vm: Vm

    def run(self, work: Work, given: Input) -> Output:
        return self.Output(vm=_make_vm(work, given))

    def apply(self, subject: DeployedVm, made: Output) -> DeployedVm:
        return msgspec.structs.replace(subject, vm=made.vm)


def _make_vm(work: Work, given: MakeVm.Input) -> Vm:
    vm: Vm = work.target.imports.make_vm(
        given.vm,
        given.volumes,
        name=given.name,
        network_map=given.network_map,
        isolated=given.isolated,
        options=work.target_options,
        watch=watch.target(work),
    )
    work.note(f'{vm.name} is started')
    return vm


class MakeVmOfReplica(Task):
    """Define and start the machine on the replica's own volumes, which
    from then on belong to it and no longer to the replica."""

    side = Side.TARGET
    needs = ('imports',)
    subject = Handover

    class Input(MakeVm.Input):
        pass

    class Output(Value):
        vm: Vm
        volumes: ClonedVolumes

    def run(self, work: Work, given: Input) -> Output:
        return self.Output(vm=_make_vm(work, given), volumes=given.volumes)

    def apply(self, subject: Handover, made: Output) -> Handover:
        gone = {volume.id for volume in made.volumes.items}
        replica = subject.replica
        disks = tuple(
            msgspec.structs.replace(d, volume=None, dirty=False)
            if d.volume and d.volume.id in gone
            else d
            for d in replica.disks
        )
        return Handover(
            replica=msgspec.structs.replace(replica, disks=disks),
            vm=msgspec.structs.replace(
                subject.vm, vm=made.vm, volumes=made.volumes
            ),
        )


class FindAddress(Task):
    """Wait until the new machine shows an address; never a failure."""

    side = Side.TARGET
    needs = ('imports',)
    subject = DeployedVm
    POLL_SECONDS = 1.0

    class Input(Value):
        vm: Vm
        timeout_seconds: int = 240

    class Output(Value):
        address: str = ''

    def run(self, work: Work, given: Input) -> Output:
        began = time.monotonic()
        while True:
            work.stop_if_asked()
            address = work.target.imports.find_address(given.vm)
            waited = int(time.monotonic() - began)
            if address:
                work.note(f'{given.vm.name} has the address {address}')
                return self.Output(address=address)
            if waited >= given.timeout_seconds:
                work.note(
                    f'{given.vm.name} showed no address in {waited} s; look '
                    'at its console.',
                    Level.WARNING,
                )
                return self.Output()
            work.progress(
                waited, given.timeout_seconds, item='address', unit='seconds'
            )
            time.sleep(self.POLL_SECONDS)

    def apply(self, subject: DeployedVm, made: Output) -> DeployedVm:
        return msgspec.structs.replace(subject, address=made.address)


class DropVm(Task):
    """Tear a test deployment down: the machine and its volumes."""

    side = Side.TARGET
    needs = ('imports',)
    subject = DeployedVm

    class Input(Value):
        vm: Vm | None = None
        volumes: ClonedVolumes | None = None

    class Output(Value):
        pass

    def run(self, work: Work, given: Input) -> Output:
        gone = []
        for volume in given.volumes.items if given.volumes else ():
            gone.append(
                at_target(work, ResourceKind.VOLUME, volume.id, volume.storage)
            )
        if given.vm:
            gone.append(at_target(work, ResourceKind.VM, given.vm.id, ''))
        drop_all(work, gone, work.target.imports.drop)
        return self.Output()

    def apply(self, subject: DeployedVm, made: Output) -> DeployedVm:
        return msgspec.structs.replace(
            subject, vm=None, volumes=None, address=''
        )
