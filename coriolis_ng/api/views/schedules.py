# SPDX-License-Identifier: Apache-2.0
"""Schedules as clients see them."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from coriolis_ng.api.schemas import schedules as schema
from coriolis_ng.api.views import words
from coriolis_ng.objects.schedule import Schedule, ScheduleRun


def schedule(value: Schedule, *, replica: bool = False) -> schema.Schedule:
    """``replica`` tells the transfer's id by its older name as well."""
    spec = value.spec
    cron = spec.cron
    missed: Any = spec.missed.value
    return schema.Schedule(
        id=value.id,
        transfer_id=value.transfer_id,
        replica_id=value.transfer_id if replica else UNSET,
        schedule=schema.CronAnswer(
            minute=cron.minute,
            hour=cron.hour,
            dom=cron.dom,
            month=cron.month,
            dow=cron.dow,
        ),
        expiration_date=words.time(spec.expiration_date),
        enabled=spec.enabled,
        shutdown_instance=spec.shutdown_instances,
        auto_deploy=spec.auto_deploy,
        time_zone=spec.time_zone,
        interval_seconds=spec.interval_seconds,
        continuous=spec.continuous,
        blackout_windows=[
            schema.BlackoutAnswer(
                start=one.start, end=one.end, days=[*one.days]
            )
            for one in spec.blackouts
        ],
        missed_runs=missed,
        next_run_at=words.time(value.next_due_at),
        last_run=_run(value.last_run) if value.last_run else None,
        created_at=words.time(value.created_at),
        updated_at=words.time(value.updated_at),
    )


def _run(run: ScheduleRun) -> schema.LastRun:
    status: Any = run.state.upper()
    return schema.LastRun(
        due_at=words.time(run.due_at),
        status=status,
        execution_id=run.execution_id or None,
        message=run.message,
    )
