# SPDX-License-Identifier: Apache-2.0
"""Executions: the runs of a transfer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coriolis_ng.client import runs
from coriolis_ng.client.api import Api
from coriolis_ng.client.collection import Collection, quoted


class Execution(runs.Run):
    """A run of a transfer; ``action_id`` is the transfer."""

    action_id: str
    number: int
    status: str
    type: str
    shutdown_instances: bool
    auto_deploy: bool
    checksum: bool
    retry_of: str | None
    ended_at: str | None


class ExecutionsOfTransfer(Collection[Execution]):
    one, many, kind = 'execution', 'executions', Execution

    def cancel(self, id: str, force: bool = False) -> None:
        """Asks it to stop; with ``force`` what does not stop is killed."""
        self.act(id, 'cancel', {'force': force})

    def wait(
        self,
        id: str,
        *,
        progress: Callable[[Execution], None] | None = None,
        **options: Any,
    ) -> Execution:
        """Until it ended; raises ``Failed`` when it did not go well. The
        options are those of ``coriolis_ng.client.runs.wait``."""
        return runs.succeeded(
            runs.wait(lambda: self.get(id), progress=progress, **options)
        )


class Executions:
    """All executions, by their transfer."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of(self, transfer_id: str) -> ExecutionsOfTransfer:
        """The executions of one transfer."""
        return ExecutionsOfTransfer(
            self.api, f'/transfers/{quoted(transfer_id)}/executions'
        )

    def cancel(self, transfer_id: str, id: str, force: bool = False) -> None:
        """See ``ExecutionsOfTransfer.cancel``."""
        self.of(transfer_id).cancel(id, force)
