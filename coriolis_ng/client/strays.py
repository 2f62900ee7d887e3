# SPDX-License-Identifier: Apache-2.0
"""Strays: what was made in clouds and could not be removed again."""

from __future__ import annotations

from coriolis_ng.client.collection import Collection
from coriolis_ng.client.resource import Resource


class Stray(Resource):
    """``resource_id`` is its id in the cloud; ``reason`` says why it is
    still there, '' when nobody has tried to remove it yet."""

    kind: str
    resource_id: str
    tag: str
    side: str
    endpoint_id: str | None
    transfer_id: str | None
    deployment_id: str | None
    execution_id: str
    task_id: str
    instance: str
    reason: str
    tries: int
    retry_at: str | None
    created_at: str | None


class Strays(Collection[Stray]):
    path, one, many, kind = '/strays', 'stray', 'strays', Stray

    def delete(self, id: str, forget: bool = False, **params: object) -> None:
        """Removes it from its cloud now; with ``forget`` it is only taken
        out of the records."""
        super().delete(id, forget='true' if forget else None)
