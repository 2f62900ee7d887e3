# SPDX-License-Identifier: Apache-2.0
"""Recovery points as clients see them."""

from __future__ import annotations

from coriolis_ng.api.schemas import recovery_points as schema
from coriolis_ng.api.views import words
from coriolis_ng.objects.recovery_point import Copied, RecoveryPoint
from coriolis_ng.objects.volume import VolumeSnapshot


def recovery_point(value: RecoveryPoint) -> schema.RecoveryPoint:
    """With its disks and the figures of the copy that made it."""
    copied = {one.disk_id: one for one in value.copied}
    return schema.RecoveryPoint(
        id=value.id,
        transfer_id=value.transfer_id,
        execution_id=value.execution_id,
        instance=value.instance,
        consistency=value.consistency.value,
        consistency_reason=value.consistency_reason,
        mode=value.mode.value,
        reason=value.reason,
        verification=value.verification.value,
        pinned=value.pinned,
        bytes_changed=int(value.total('changed')),
        bytes_read=int(value.total('read')),
        bytes_sent=int(value.total('sent')),
        bytes_written=int(value.total('written')),
        # Disks are copied side by side.
        seconds=max((one.seconds for one in value.copied), default=0.0),
        disks=[
            _disk(one, copied.get(one.disk_id, Copied()))
            for one in value.disks
        ],
        created_at=words.time(value.created_at),
        updated_at=None,
    )


def _disk(one: VolumeSnapshot, copied: Copied) -> schema.PointDisk:
    return schema.PointDisk(
        disk_id=one.disk_id,
        size=one.size,
        storage=one.storage,
        volume_id=one.volume_id,
        snapshot_id=one.id,
        mode=copied.mode.value,
        reason=copied.reason,
        bytes_changed=copied.changed,
        bytes_read=copied.read,
        bytes_sent=copied.sent,
        bytes_written=copied.written,
        seconds=copied.seconds,
        sha256=copied.sha256,
    )
