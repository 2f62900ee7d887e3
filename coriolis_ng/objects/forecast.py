# SPDX-License-Identifier: Apache-2.0
"""What an execution would do, told before it is made."""

from __future__ import annotations

import enum

from coriolis_ng.objects.value import Value


class PlannedMode(enum.StrEnum):
    FULL = 'full'  # all of the disk
    DELTA = 'delta'  # what changed since the last recovery point
    CLONE = 'clone'  # nothing travels: a clone of a recovery point
    UNKNOWN = 'unknown'  # the source could not be asked


class PlannedDisk(Value):
    """``bytes`` is an estimate of what will be read, None where nothing is
    known; ``basis`` says what it was made from."""

    instance: str
    disk_id: str
    size: int
    mode: PlannedMode
    reason: str
    bytes: int | None = None
    basis: str = ''


class PlannedTask(Value):
    """``index`` is 1-based, ``needs`` and ``cleans`` are such numbers."""

    index: int
    name: str
    instance: str
    cleanup: bool
    needs: tuple[int, ...] = ()
    cleans: tuple[int, ...] = ()


class Forecast(Value):
    """``notes`` say what could not be found out."""

    tasks: tuple[PlannedTask, ...]
    disks: tuple[PlannedDisk, ...]
    notes: tuple[str, ...] = ()
