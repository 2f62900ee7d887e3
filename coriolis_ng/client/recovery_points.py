# SPDX-License-Identifier: Apache-2.0
"""Recovery points: the moments that machines can be deployed from."""

from __future__ import annotations

import builtins
from typing import Any

from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection, quoted
from coriolis_ng.client.resource import Stamped


class RecoveryPoint(Stamped):
    """``mode`` is full or delta and ``reason`` says why; ``bytes_*`` are
    sums over all disks."""

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
    disks: list[Json]


class RecoveryPoints(Collection[RecoveryPoint]):
    path, one, many = '/recovery_points', 'recovery_point', 'recovery_points'
    kind = RecoveryPoint

    def of(
        self, transfer_id: str, **params: Any
    ) -> builtins.list[RecoveryPoint]:
        """A page of the points of a transfer, the newest first;
        ``instance`` keeps those of one machine."""
        return self._of(transfer_id).list(**params)

    def all_of(
        self, transfer_id: str, **params: Any
    ) -> builtins.list[RecoveryPoint]:
        """All points of a transfer."""
        return [*self._of(transfer_id).all(**params)]

    def pin(self, id: str, pinned: bool = True) -> RecoveryPoint:
        """Keeps it whatever the retention says, or no longer."""
        answer = self.act(id, 'pin' if pinned else 'unpin')
        return self.made(answer[self.one])

    def _of(self, transfer_id: str) -> RecoveryPoints:
        return RecoveryPoints(
            self.api, f'/transfers/{quoted(transfer_id)}/recovery_points'
        )
