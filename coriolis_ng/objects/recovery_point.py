# SPDX-License-Identifier: Apache-2.0
"""A moment that a machine can be deployed from."""

from __future__ import annotations

import datetime
import enum

from coriolis_ng.objects.snapshot import Consistency, Mode
from coriolis_ng.objects.value import Value
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import VolumeSnapshot


class Verification(enum.StrEnum):
    NONE = 'none'
    CHUNK = 'chunk'
    FULL = 'full'


class Copied(Value):
    """The figures of one copy, of one disk or summed over a machine.

    All are bytes but ``seconds``. ``changed`` is what the source said has
    changed, ``read`` what was read, ``sent`` the payload on the wire,
    ``written`` what the far side wrote or zeroed. ``sha256`` is the digest
    of the whole disk at the snapshot where it was asked for.
    """

    disk_id: str = ''
    mode: Mode = Mode.FULL
    reason: str = ''
    changed: int = 0
    read: int = 0
    sent: int = 0
    written: int = 0
    seconds: float = 0.0
    sha256: str = ''


class RecoveryPoint(Value):
    """``going`` is true from the moment in which its removal begins: from
    then on nothing is deployed from it, even where the removal failed.
    ``source_off``: the machine was shut down for it, so it is the last state
    unless the machine was started again."""

    id: str
    transfer_id: str
    instance: str
    execution_id: str
    created_at: datetime.datetime
    vm: Vm
    disks: tuple[VolumeSnapshot, ...]
    checkpoint: str | None = None
    consistency: Consistency = Consistency.CRASH
    consistency_reason: str = ''
    mode: Mode = Mode.FULL
    reason: str = ''
    copied: tuple[Copied, ...] = ()
    verification: Verification = Verification.CHUNK
    pinned: bool = False
    going: bool = False
    source_off: bool = False

    def total(self, figure: str) -> int:
        """The sum of a figure of ``Copied`` over all disks, in bytes."""
        return sum(getattr(one, figure) for one in self.copied)
