# SPDX-License-Identifier: Apache-2.0
"""Strays as clients see them."""

from __future__ import annotations

from coriolis_ng.api.schemas import strays as schema
from coriolis_ng.api.views import words
from coriolis_ng.objects.stray import Stray


def stray(value: Stray) -> schema.Stray:
    """One thing that was left in a cloud."""
    return schema.Stray(
        id=value.id,
        kind=value.kind.value,
        resource_id=value.resource_id,
        tag=value.tag,
        side=value.side.value,  # type: ignore[arg-type]
        endpoint_id=value.endpoint_id,
        transfer_id=value.transfer_id,
        deployment_id=value.deployment_id,
        execution_id=value.execution_id,
        task_id=value.task_id,
        instance=value.instance,
        reason=value.reason,
        tries=value.tries,
        retry_at=words.time(value.retry_at),
        created_at=words.time(value.created_at),
    )
