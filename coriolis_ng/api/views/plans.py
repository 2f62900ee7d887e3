# SPDX-License-Identifier: Apache-2.0
"""Forecasts as clients see them."""

from __future__ import annotations

from coriolis_ng.api.schemas import plans as schema
from coriolis_ng.api.views import words
from coriolis_ng.objects.forecast import Forecast


def plan(value: Forecast) -> schema.Plan:
    """With the tasks in the order of the plan."""
    known = [one.bytes for one in value.disks if one.bytes is not None]
    return schema.Plan(
        tasks=[
            schema.PlannedTask(
                index=one.index,
                task_type=words.task_type(one.name),
                instance=one.instance,
                depends_on=sorted({*one.needs, *one.cleans}),
                on_error=one.cleanup,
            )
            for one in value.tasks
        ],
        disks=[
            schema.PlannedDisk(
                instance=one.instance,
                disk_id=one.disk_id,
                size=one.size,
                mode=one.mode.value,
                reason=one.reason,
                bytes=one.bytes,
                basis=one.basis,
            )
            for one in value.disks
        ],
        bytes=sum(known) if len(known) == len(value.disks) else None,
        notes=[*value.notes],
    )
