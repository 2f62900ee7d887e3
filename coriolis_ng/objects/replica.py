# SPDX-License-Identifier: Apache-2.0
"""What a transfer keeps on the destination for one machine."""

from __future__ import annotations

from coriolis_ng.objects.recovery_point import RecoveryPoint
from coriolis_ng.objects.value import Value
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import Volume, Volumes


class ReplicaDisk(Value):
    """One disk of a replica, one row.

    ``dirty`` is true from the first write of an execution until its
    recovery point stands. ``checkpoint`` is the mark on the source that the
    volume agrees with, apart from blocks that changed since.
    """

    disk_id: str
    volume: Volume | None = None
    dirty: bool = False
    checkpoint: str | None = None


class Replica(Value):
    """The subject of a transfer's tasks: one machine of one transfer.

    ``full_reason``, when set, makes the next copy a full one and says why.
    ``points`` are all recovery points, newest first. A row's ``version``
    grows with each change.
    """

    transfer_id: str
    instance: str
    version: int = 0
    vm: Vm | None = None
    disks: tuple[ReplicaDisk, ...] = ()
    points: tuple[RecoveryPoint, ...] = ()
    full_reason: str = ''

    @property
    def checkpoint(self) -> str | None:
        """The source's mark of the last recovery point, or None."""
        marks = {disk.checkpoint for disk in self.disks} - {None}
        return marks.pop() if len(marks) == 1 else None

    @property
    def volumes(self) -> Volumes:
        """The volumes that exist, in the order of the disks."""
        return Volumes(items=tuple(d.volume for d in self.disks if d.volume))

    def agreed(self) -> dict[str, str]:
        """The mark that each disk's volume agrees with, by disk id."""
        return {d.disk_id: d.checkpoint for d in self.disks if d.checkpoint}

    def owned(self) -> frozenset[str]:
        """The ids of everything in a cloud that this replica needs."""
        ids = {d.volume.id for d in self.disks if d.volume}
        ids |= {d.checkpoint for d in self.disks if d.checkpoint}
        ids |= {s.id for point in self.points for s in point.disks}
        return frozenset(ids)
