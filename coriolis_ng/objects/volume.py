# SPDX-License-Identifier: Apache-2.0
"""Volumes on a destination.

A replica's own volumes and volumes cloned from a recovery point are two
types, so that one can never be handed to a task that wants the other.
"""

from __future__ import annotations

from coriolis_ng.objects.value import Value


class Volume(Value):
    """``zeroed`` is true only where the backend proves that what was never
    written reads as zeros."""

    id: str
    disk_id: str
    size: int
    storage: str = ''
    zeroed: bool = False
    fresh: bool = False  # made (not adopted) by the task that returned it


class Volumes(Value):
    """The replica's own volumes, in the order of the machine's disks."""

    items: tuple[Volume, ...] = ()

    def of(self, disk_id: str) -> Volume:
        """The volume of that disk; ``KeyError`` when there is none."""
        for volume in self.items:
            if volume.disk_id == disk_id:
                return volume
        raise KeyError(disk_id)


NO_VOLUMES = Volumes()


class ClonedVolumes(Value):
    """Volumes that belong to one deployment and may be changed by it."""

    items: tuple[Volume, ...] = ()


class VolumeSnapshot(Value):
    """A snapshot of one volume of a replica: a recovery point's disk."""

    id: str
    disk_id: str
    volume_id: str
    size: int
    storage: str = ''
