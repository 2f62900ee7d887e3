# SPDX-License-Identifier: Apache-2.0
"""Schedules: when a transfer is executed by itself."""

from __future__ import annotations

from typing import Any

from coriolis_ng.client.api import Api, Json
from coriolis_ng.client.collection import Collection, quoted, said
from coriolis_ng.client.resource import Stamped


class Schedule(Stamped):
    """``schedule`` has any of minute, hour, dom, month and dow (0 is
    Monday); ``last_run`` tells what became of the last due time."""

    transfer_id: str
    schedule: Json
    expiration_date: str | None
    enabled: bool
    shutdown_instance: bool
    auto_deploy: bool
    time_zone: str
    interval_seconds: int | None
    continuous: bool
    blackout_windows: list[Json]
    missed_runs: str
    next_run_at: str | None
    last_run: Json | None


class SchedulesOfTransfer(Collection[Schedule]):
    """The schedules of one transfer. Their bodies are not wrapped."""

    one, many, kind = 'schedule', 'schedules', Schedule

    def create(self, **fields: Any) -> Schedule:
        """A new one; fields that are None are left to the service."""
        answer = self.api.ask('POST', self.path, said(fields))
        return self.made(answer[self.one])

    def update(
        self, id: str, etag: str | None = None, **fields: Any
    ) -> Schedule:
        """The changed one; an expiration date, an interval and a policy
        that are None are removed, other None fields change nothing. With
        an ``etag`` raises ``Conflict`` when it was changed since."""
        headers = {'If-Match': etag} if etag else None
        answer = self.api.ask('PUT', self.url(id), fields, headers=headers)
        return self.made(answer[self.one])


class Schedules:
    """``of(transfer_id)`` is a collection."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of(self, transfer_id: str) -> SchedulesOfTransfer:
        """The schedules of one transfer."""
        path = f'/transfers/{quoted(transfer_id)}/schedules'
        return SchedulesOfTransfer(self.api, path)
