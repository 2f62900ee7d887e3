# SPDX-License-Identifier: Apache-2.0
"""Requests and answers about what an execution would do."""

from __future__ import annotations

from typing import Literal

from coriolis_ng.api.schemas.parts import Answer, Request


class PlanExecution(Request):
    """The same words as an execution's."""

    shutdown_instances: bool | None = None
    auto_deploy: bool | None = None
    checksum: bool | None = False


class PlannedTask(Answer):
    """``depends_on`` are such indices; ``on_error`` marks a cleanup, which
    runs whatever happens to the others."""

    index: int
    task_type: str
    instance: str
    depends_on: list[int]
    on_error: bool


class PlannedDisk(Answer):
    """``mode`` is full, delta, or clone where nothing travels. ``bytes`` is
    what the source would read, as far as is known; ``basis`` says how the
    number was found."""

    instance: str
    disk_id: str
    size: int
    mode: Literal['full', 'delta', 'clone', 'unknown']
    reason: str
    bytes: int | None
    basis: str


class Plan(Answer):
    """``bytes`` is the sum over the disks, null where one is not known;
    ``notes`` say what could not be found out."""

    tasks: list[PlannedTask]
    disks: list[PlannedDisk]
    bytes: int | None
    notes: list[str]


class PlanAnswer(Answer):
    plan: Plan
