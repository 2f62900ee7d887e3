# SPDX-License-Identifier: Apache-2.0
"""Events: what happened, in pages, or as it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from coriolis_ng.client.api import Api
from coriolis_ng.client.errors import Unavailable
from coriolis_ng.client.resource import Resource

AGAIN_SECONDS = 1.0
BUSY = 'too_many_streams'


class Event(Resource):
    """``name`` is the kind of the execution or the type of the task, and
    ``status`` what it is since then."""

    type: str
    created_at: str
    transfer_id: str | None
    deployment_id: str | None
    execution_id: str
    task_id: str | None
    instance: str
    name: str
    status: str
    attempt: int
    level: str
    message: str


class Events:
    """Filters: ``transfer_id``, ``deployment_id``, ``execution_id``."""

    path = '/events'

    def __init__(self, api: Api) -> None:
        self.api = api

    def list(self, **params: Any) -> tuple[list[Event], str]:
        """A page, oldest first, and the marker of the next one."""
        answer = self.api.ask('GET', self.path, params=params)
        return [Event(one) for one in answer['events']], answer['marker']

    def all(self, **params: Any) -> Iterator[Event]:
        """All there are, page by page."""
        while True:
            found, marker = self.list(**params)
            if not found:
                return
            yield from found
            params['marker'] = marker

    def follow(self, **params: Any) -> Iterator[Event]:
        """Those that come from now on (or behind ``marker``), without an
        end. A connection that breaks is made again, and nothing is lost;
        where the service has no room for one it is asked again when it
        says."""
        first = True
        while True:
            pause = AGAIN_SECONDS
            try:
                for event in self._stream(params):
                    params['marker'] = event.id
                    first = False
                    yield event
            except Unavailable as error:
                # What never answered is more likely a wrong address.
                if first and error.code != BUSY:
                    raise
                pause = max(pause, error.retry_after)
            first = False
            time.sleep(pause)

    def _stream(self, params: dict[str, Any]) -> Iterator[Event]:
        data: list[str] = []
        for line in self.api.lines(self.path, params):
            if line.startswith('data:'):
                data.append(line.removeprefix('data:').lstrip(' '))
            elif not line and data:
                yield Event(json.loads('\n'.join(data)))
                data = []
