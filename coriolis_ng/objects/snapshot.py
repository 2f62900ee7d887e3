# SPDX-License-Identifier: Apache-2.0
"""A source's view of its disks at one moment, ready to be read."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.value import Value


class Consistency(enum.StrEnum):
    APPLICATION = 'application'
    CRASH = 'crash'


class Mode(enum.StrEnum):
    FULL = 'full'
    DELTA = 'delta'


class SnapshotDisk(Value):
    """How one disk can be read: ``since`` names the earlier checkpoint for
    a delta and is None for a full copy, which ``reason`` explains."""

    disk_id: str
    size: int
    mode: Mode
    reason: str
    since: str | None = None


class Snapshot(Value):
    """What ``Exports.make_snapshot`` gave.

    ``checkpoint`` is the mark that the next delta starts from (None where
    the source cannot track changes); ``address`` and ``secret`` free fields
    of the provider to open the disks again from another worker.
    """

    id: str
    vm_id: str
    taken_at: datetime.datetime
    consistency: Consistency
    consistency_reason: str = ''
    checkpoint: str | None = None
    disks: tuple[SnapshotDisk, ...] = ()
    address: str = ''

    def disk(self, disk_id: str) -> SnapshotDisk:
        """The disk with that id; ``KeyError`` when there is none."""
        for disk in self.disks:
            if disk.disk_id == disk_id:
                return disk
        raise KeyError(disk_id)
