# SPDX-License-Identifier: Apache-2.0
"""What the API asks of the conductor about minion pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.minion_pool import MinionPool, PoolSpec
from coriolis_ng.rpc import transport as bus

Context = Mapping[str, Any]


class MinionPoolCalls:
    """A part of the API's half of the client."""

    _client: bus.Client

    def minion_pool_create(
        self, context: Context, spec: PoolSpec
    ) -> MinionPool:
        """Makes nothing in the cloud; ``allocate`` does."""
        plain = self._client.call(
            'minion_pool_create', context, spec=to_plain(spec)
        )
        return from_plain(MinionPool, plain)

    def minion_pool_update(
        self,
        context: Context,
        id: str,
        changes: dict[str, Any],
        version: int | None = None,
    ) -> MinionPool:
        """``changes`` are fields of ``PoolSpec``; only while deallocated.
        ``PreconditionFailed`` when it is not of ``version`` any more."""
        plain = self._client.call(
            'minion_pool_update',
            context,
            id=id,
            changes=changes,
            version=version,
        )
        return from_plain(MinionPool, plain)

    def minion_pool_delete(self, context: Context, id: str) -> None:
        """``Conflict`` while it has anything in the cloud."""
        self._client.call('minion_pool_delete', context, id=id)

    def minion_pool_allocate(self, context: Context, id: str) -> MinionPool:
        """Starts to make its machines."""
        return self._act('minion_pool_allocate', context, id=id)

    def minion_pool_refresh(self, context: Context, id: str) -> MinionPool:
        """Starts to look after its machines."""
        return self._act('minion_pool_refresh', context, id=id)

    def minion_pool_deallocate(
        self, context: Context, id: str, force: bool = False
    ) -> MinionPool:
        """Starts to remove its machines; with force also those in use."""
        return self._act('minion_pool_deallocate', context, id=id, force=force)

    def _act(self, method: str, context: Context, **args: Any) -> MinionPool:
        plain = self._client.call(method, context, **args)
        return from_plain(MinionPool, plain)
