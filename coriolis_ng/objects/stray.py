# SPDX-License-Identifier: Apache-2.0
"""Something that we made in a cloud and that nobody needs any more."""

from __future__ import annotations

import datetime

from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.value import Value


class Stray(Value):
    """An entry of the ledger whose execution has ended, and that no
    replica, recovery point or deployed machine owns.

    ``id`` is the entry's number; ``reason`` says why it is still there
    ('' when nobody tried yet), ``tries`` how often its removal was tried,
    ``retry_at`` when it is tried next, ``created_at`` since when it is in
    the ledger.
    """

    id: str
    project_id: str
    kind: ResourceKind
    resource_id: str
    tag: str
    side: Side
    execution_id: str
    task_id: str
    created_at: datetime.datetime
    endpoint_id: str | None = None
    transfer_id: str | None = None
    deployment_id: str | None = None
    instance: str = ''
    parent: str = ''
    attempt: int = 1
    reason: str = ''
    tries: int = 0
    retry_at: datetime.datetime | None = None

    @property
    def resource(self) -> Resource:
        """What a provider is asked to drop."""
        return Resource(
            kind=self.kind,
            id=self.resource_id,
            tag=self.tag,
            side=self.side,
            attempt=self.attempt,
            parent=self.parent,
        )
