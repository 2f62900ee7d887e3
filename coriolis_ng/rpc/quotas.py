# SPDX-License-Identifier: Apache-2.0
"""What the API asks of the conductor about quotas and forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.deployment import DeploymentSpec
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.forecast import Forecast
from coriolis_ng.objects.quota import Quota
from coriolis_ng.rpc import transport as bus
from coriolis_ng.rpc.shares import Shares

Context = Mapping[str, Any]


def said(spec: ExecutionSpec) -> dict[str, Any]:
    """Without what was left open: conductors of the release before read no
    null where this one has them."""
    plain: dict[str, Any] = to_plain(spec)
    return {name: one for name, one in plain.items() if one is not None}


class QuotaCalls:
    """A part of the API's half of the client."""

    _queries: bus.Client
    _asked: Shares

    def _ask(self, method: str, context: Context, **args: Any) -> Any:
        """What a cloud has to answer: it may take a minute, and must not
        take all threads of this process."""
        with self._asked.asking(str(context.get('project_id', ''))):
            return self._queries.call(method, context, **args)

    def quota_show(self, context: Context, project_id: str) -> Sequence[Quota]:
        """All resources, with limit and usage."""
        plain = self._queries.call(
            'quota_show', context, project_id=project_id
        )
        return from_plain(list[Quota], plain)

    def quota_update(
        self,
        context: Context,
        project_id: str,
        limits: Mapping[str, int | None],
        seen: str | None = None,
    ) -> Sequence[Quota]:
        """By resource; None goes back to the default. ``Conflict`` where
        Keystone keeps the limits, ``PreconditionFailed`` where the tag of
        all is not ``seen`` any more."""
        # Only said when it is wanted: an older conductor does not know it.
        more = {} if seen is None else {'seen': seen}
        plain = self._queries.call(
            'quota_update',
            context,
            project_id=project_id,
            limits=dict(limits),
            **more,
        )
        return from_plain(list[Quota], plain)

    def transfer_plan(
        self, context: Context, id: str, spec: ExecutionSpec
    ) -> Forecast:
        """What such an execution would do."""
        plain = self._ask('transfer_plan', context, id=id, spec=said(spec))
        return from_plain(Forecast, plain)

    def deployment_plan(
        self, context: Context, spec: DeploymentSpec
    ) -> Forecast:
        """What such a deployment would do."""
        plain = self._ask('deployment_plan', context, spec=to_plain(spec))
        return from_plain(Forecast, plain)
