# SPDX-License-Identifier: Apache-2.0
"""Volumes of a replica, recovery points of them, clones for a deployment."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Side, Task, Work
from coriolis_ng.objects import Value, new_id
from coriolis_ng.objects.deployment import DeployedVm
from coriolis_ng.objects.recovery_point import (
    Copied,
    RecoveryPoint,
    Verification,
)
from coriolis_ng.objects.replica import Replica, ReplicaDisk
from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.objects.snapshot import Mode, Snapshot
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import (
    ClonedVolumes,
    Volumes,
    VolumeSnapshot,
)
from coriolis_ng.tasks import watch
from coriolis_ng.tasks.cleanup import at_target, drop_all
from coriolis_ng.tasks.told import Told
from coriolis_ng.transport.digest import whole

# Merging the files of points may copy many gigabytes without a word.
MERGE_SECONDS = 6 * 3600

RELEASED = 'a deployment without clones took the volumes of the replica'


LEFT = (
    ' It is left to what needs it and listed as a stray, which goes when '
    'nothing needs it any more.'
)


class MakeVolumes(Task):
    """A volume on the destination for each disk of the machine."""

    side = Side.TARGET
    needs = ('imports',)
    subject = Replica

    class Input(Value):
        vm: Vm
        existing: Volumes = Volumes()
        storage: StorageMappings = StorageMappings()

    class Output(Value):
        volumes: Volumes

    def run(self, work: Work, given: Input) -> Output:
        return self.Output(
            volumes=work.target.imports.make_volumes(
                given.vm,
                given.existing,
                given.storage,
                options=work.target_options,
                watch=watch.target(work),
            )
        )

    def apply(self, subject: Replica, made: Output) -> Replica:
        before = {d.disk_id: d for d in subject.disks}
        disks = []
        for volume, kept in zip(
            made.volumes.items, _settled(made.volumes).items, strict=True
        ):
            old = before.get(volume.disk_id)
            # A fresh volume agrees with nothing that a source remembers.
            if old is None or volume.fresh:
                old = ReplicaDisk(disk_id=volume.disk_id)
            disks.append(msgspec.structs.replace(old, volume=kept))
        return msgspec.structs.replace(subject, disks=tuple(disks))


class MakeRecoveryPoint(Task):
    """Freeze what was copied; from here on it can be deployed.

    With ``checksum`` the point's disks are read back whole and compared
    with the digests that the copy took from the source's snapshot.
    """

    side = Side.TARGET
    needs = ('imports',)
    subject = Replica

    class Input(Value):
        transfer_id: str
        vm: Vm
        volumes: Volumes
        snapshot: Snapshot
        copied: tuple[Copied, ...]
        checksum: bool = False
        source_off: bool = False

    class Output(Value):
        """``checkpoint``, ``agreed`` and ``volumes`` are the replica as it
        is now, for a next round in the same plan."""

        point: RecoveryPoint
        checkpoint: str | None
        agreed: dict[str, str]
        volumes: Volumes

    def run(self, work: Work, given: Input) -> Output:
        disks = work.target.imports.make_snapshots(
            given.volumes, watch=watch.target(work)
        )
        if given.checksum:
            _compare(work, disks, given.copied)
        full = [c for c in given.copied if c.mode is Mode.FULL]
        point = RecoveryPoint(
            id=new_id(),
            transfer_id=given.transfer_id,
            instance=work.instance,
            execution_id=work.tag.split(':')[1],
            created_at=given.snapshot.taken_at,
            vm=given.vm,
            disks=disks,
            checkpoint=given.snapshot.checkpoint,
            consistency=given.snapshot.consistency,
            consistency_reason=given.snapshot.consistency_reason,
            mode=Mode.FULL if full else Mode.DELTA,
            reason=_reason(given.copied),
            copied=given.copied,
            verification=Verification.FULL
            if given.checksum
            else Verification.CHUNK,
            source_off=given.source_off,
        )
        work.note(f'recovery point {point.id}: {point.mode}, {point.reason}')
        mark = point.checkpoint
        return self.Output(
            point=point,
            checkpoint=mark,
            agreed={d.disk_id: mark for d in disks} if mark else {},
            volumes=_settled(given.volumes),
        )

    def apply(self, subject: Replica, made: Output) -> Replica:
        point = made.point
        clean = tuple(
            msgspec.structs.replace(
                disk, dirty=False, checkpoint=point.checkpoint
            )
            for disk in subject.disks
        )
        return msgspec.structs.replace(
            subject,
            vm=point.vm,
            disks=clean,
            points=(point, *subject.points),
            full_reason='',
        )

    def failed(self, subject: Replica, code: str) -> Replica:
        if code != errors.CorruptData.code:
            return subject
        return msgspec.structs.replace(
            subject, full_reason='the last copy differed from its source'
        )


def _settled(volumes: Volumes) -> Volumes:
    return Volumes(
        items=tuple(
            msgspec.structs.replace(v, fresh=False) for v in volumes.items
        )
    )


def _reason(copied: Sequence[Copied]) -> str:
    """One sentence for the whole machine."""
    reasons: dict[str, list[str]] = {}
    for one in copied:
        reasons.setdefault(one.reason, []).append(one.disk_id)
    if len(reasons) == 1:
        return next(iter(reasons))
    return '; '.join(f'{", ".join(ids)}: {r}' for r, ids in reasons.items())


def _compare(
    work: Work, disks: Sequence[VolumeSnapshot], copied: Sequence[Copied]
) -> None:
    wanted = {one.disk_id: one.sha256 for one in copied}
    for disk in disks:
        reader = work.target.imports.read(disk)
        try:
            found = whole(Told(reader, work, f'{disk.disk_id} sha256'))
        finally:
            reader.close()
        if found != wanted[disk.disk_id]:
            raise errors.CorruptData(
                f'Disk {disk.disk_id} of the recovery point differs from '
                'the snapshot of the source. The point was not kept; the '
                'next execution will be a full one.',
                detail=f'source {wanted[disk.disk_id]} target {found}',
            )
        work.note(f'{disk.disk_id}: sha256 {found} equals the source')


class DropPoints(Task):
    """Delete recovery points that are no longer kept."""

    side = Side.TARGET
    needs = ('imports',)
    subject = Replica
    silent_seconds = MERGE_SECONDS

    class Input(Value):
        """``kept_too``: points that were pinned meanwhile go as well,
        because all of the replica goes; what machines stand on is left to
        them, and to the ledger, which goes on to name it."""

        points: tuple[RecoveryPoint, ...]
        kept_too: bool = False

    class Output(Value):
        """``kept`` are points that a deployment stands on (and ``why``),
        ``left`` those of them that are no points any more as all of the
        replica goes; others that were not dropped may be half gone."""

        dropped: tuple[str, ...] = ()
        kept: tuple[str, ...] = ()
        left: tuple[str, ...] = ()
        why: tuple[str, ...] = ()

    def taken(self, subject: Replica, given: Input) -> Replica:
        going = {p.id for p in given.points}
        return _going(subject, going, True)

    def renew(self, subject: Replica, given: Input) -> Input:
        wanted = {p.id for p in given.points}
        return msgspec.structs.replace(
            given,
            points=tuple(
                p
                for p in subject.points
                if p.id in wanted and (given.kept_too or not p.pinned)
            ),
        )

    def run(self, work: Work, given: Input) -> Output:
        dropped, stay, why = [], [], []
        # The oldest first: a chain is cut from its end.
        for point in reversed(given.points):
            try:
                self._drop(work, point)
            except errors.Conflict as error:
                # A deployment lives on it; the next execution tries again.
                text = f'recovery point {point.id} stays: {error.message}'
                if given.kept_too:
                    text += LEFT
                work.note(text, Level.WARNING)
                stay.append(point.id)
                why.append(error.message)
            else:
                dropped.append(point.id)
        if given.kept_too:
            return self.Output(dropped=tuple(dropped), left=tuple(stay))
        return self.Output(
            dropped=tuple(dropped), kept=tuple(stay), why=tuple(why)
        )

    def _drop(self, work: Work, point: RecoveryPoint) -> None:
        for disk in point.disks:
            work.stop_if_asked()
            gone = at_target(
                work, ResourceKind.VOLUME_SNAPSHOT, disk.id, disk.storage
            )
            work.target.imports.drop(gone)
            work.dropped(gone)

    def apply(self, subject: Replica, made: Output) -> Replica:
        gone = {*made.dropped, *made.left}
        left = tuple(p for p in subject.points if p.id not in gone)
        stays = msgspec.structs.replace(subject, points=left)
        return _going(stays, set(made.kept), False)


class CheckGone(Task):
    """Fail where points that were to be deleted stay: a deletion that did
    nothing must not look like one."""

    class Input(Value):
        """As ``DropPoints`` gave them."""

        kept: tuple[str, ...]
        why: tuple[str, ...]

    class Output(Value):
        pass

    def run(self, work: Work, given: Input) -> Output:
        if given.kept:
            raise errors.Conflict(
                f'The recovery point {given.kept[0]} was not deleted. '
                f'{given.why[0]} It can be when these disks are gone from '
                'the cloud, or do not need it any more.'
            )
        return self.Output()


def _going(subject: Replica, ids: set[str], going: bool) -> Replica:
    points = tuple(
        msgspec.structs.replace(p, going=going) if p.id in ids else p
        for p in subject.points
    )
    return msgspec.structs.replace(subject, points=points)


class DropVolumes(Task):
    """Delete a replica's volumes; its points must be gone."""

    side = Side.TARGET
    needs = ('imports',)
    subject = Replica
    silent_seconds = MERGE_SECONDS

    class Input(Value):
        """``used_stay``: what a machine lives on is left to it, and to the
        ledger, which goes on to name it."""

        volumes: Volumes
        used_stay: bool = False

    class Output(Value):
        pass

    def run(self, work: Work, given: Input) -> Output:
        resources = [
            at_target(work, ResourceKind.VOLUME, v.id, v.storage)
            for v in given.volumes.items
        ]
        try:
            drop_all(work, resources, work.target.imports.drop)
        except errors.Conflict as error:
            if not given.used_stay:
                raise
            work.note(f'Something stays: {error.message}{LEFT}', Level.WARNING)
        return self.Output()

    def apply(self, subject: Replica, made: Output) -> Replica:
        left = tuple(
            msgspec.structs.replace(d, volume=None) for d in subject.disks
        )
        return msgspec.structs.replace(subject, disks=left, vm=None)


class DropCheckpoint(Task):
    """Take our mark off the source."""

    side = Side.SOURCE
    needs = ('exports',)
    subject = Replica

    class Input(Value):
        checkpoint: str | None = None

    class Output(Value):
        pass

    def run(self, work: Work, given: Input) -> Output:
        if given.checkpoint is None:
            return self.Output()
        mark = Resource(
            kind=ResourceKind.CHECKPOINT,
            id=given.checkpoint,
            tag=work.tag,
            side=Side.SOURCE,
        )
        drop_all(work, [mark], work.source.exports.drop)
        return self.Output()

    def apply(self, subject: Replica, made: Output) -> Replica:
        left = tuple(
            msgspec.structs.replace(d, checkpoint=None) for d in subject.disks
        )
        return msgspec.structs.replace(subject, disks=left)


class CloneVolumes(Task):
    """Writable volumes with a recovery point's content."""

    side = Side.TARGET
    needs = ('imports',)
    subject = DeployedVm

    class Input(Value):
        point: RecoveryPoint

    class Output(Value):
        volumes: ClonedVolumes

    def run(self, work: Work, given: Input) -> Output:
        return self.Output(
            volumes=work.target.imports.make_clones(
                given.point.disks,
                options=work.target_options,
                watch=watch.target(work),
            )
        )

    def apply(self, subject: DeployedVm, made: Output) -> DeployedVm:
        return msgspec.structs.replace(subject, volumes=made.volumes)


class ReleaseVolumes(Task):
    """The replica's own volumes, put back to a recovery point, for a
    deployment that wants no clones."""

    side = Side.TARGET
    needs = ('imports',)
    subject = Replica
    silent_seconds = MERGE_SECONDS

    class Input(Value):
        point: RecoveryPoint
        volumes: Volumes

    class Output(Value):
        volumes: ClonedVolumes

    def taken(self, subject: Replica, given: Input) -> Replica:
        """From here on they are no replica: whatever comes of the
        deployment, the next copy is a full one."""
        dirty = tuple(
            msgspec.structs.replace(d, dirty=True) for d in subject.disks
        )
        return msgspec.structs.replace(
            subject, disks=dirty, full_reason=RELEASED
        )

    def run(self, work: Work, given: Input) -> Output:
        released = work.target.imports.release(
            given.point.disks, given.volumes, watch=watch.target(work)
        )
        work.note(f'{len(released.items)} volumes of the replica are used')
        return self.Output(volumes=released)
