# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about recovery points."""

from __future__ import annotations

from coriolis_ng.api.schemas.parts import (
    Answer,
    Id,
    PageQuery,
    Stamped,
)


class PointsQuery(PageQuery):
    """``instance`` keeps those of one machine."""

    instance: str | None = None


class AllPointsQuery(PointsQuery):
    transfer_id: Id | None = None


class PointDisk(Answer):
    """One disk of a point. Figures are bytes and seconds; ``sha256`` is ''
    where no digest of the whole disk was asked for."""

    disk_id: str
    size: int
    storage: str
    volume_id: str
    snapshot_id: str
    mode: str
    reason: str
    bytes_changed: int
    bytes_read: int
    bytes_sent: int
    bytes_written: int
    seconds: float
    sha256: str


class RecoveryPoint(Stamped):
    """``mode`` is full or delta, ``reason`` says why; ``consistency`` is
    application or crash. ``bytes_*`` are sums over all disks."""

    id: str
    transfer_id: str
    execution_id: str
    instance: str
    consistency: str
    consistency_reason: str
    mode: str
    reason: str
    verification: str
    pinned: bool
    bytes_changed: int
    bytes_read: int
    bytes_sent: int
    bytes_written: int
    seconds: float
    disks: list[PointDisk]


class RecoveryPointAnswer(Answer):
    recovery_point: RecoveryPoint


class RecoveryPointsAnswer(Answer):
    recovery_points: list[RecoveryPoint]
