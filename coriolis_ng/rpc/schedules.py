# SPDX-License-Identifier: Apache-2.0
"""What the API asks of the conductor about schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.schedule import Schedule, ScheduleSpec
from coriolis_ng.rpc import transport as bus

Context = Mapping[str, Any]


class ScheduleCalls:
    """A part of the API's half of the client."""

    _client: bus.Client

    def schedule_create(
        self, context: Context, transfer_id: str, spec: ScheduleSpec
    ) -> Schedule:
        plain = self._client.call(
            'schedule_create',
            context,
            transfer_id=transfer_id,
            spec=to_plain(spec),
        )
        return from_plain(Schedule, plain)

    def schedule_update(
        self,
        context: Context,
        id: str,
        changes: dict[str, Any],
        version: int | None = None,
    ) -> Schedule:
        """``changes`` are fields of ``ScheduleSpec``, each replaced.
        ``PreconditionFailed`` when it is not of ``version`` any more."""
        plain = self._client.call(
            'schedule_update',
            context,
            id=id,
            changes=to_plain(changes),
            version=version,
        )
        return from_plain(Schedule, plain)

    def schedule_delete(self, context: Context, id: str) -> None:
        """What it has started goes on."""
        self._client.call('schedule_delete', context, id=id)
