# SPDX-License-Identifier: Apache-2.0
"""Quotas: how much a project may use, and uses."""

from __future__ import annotations

import builtins

from coriolis_ng.client.api import Api, Json
from coriolis_ng.client.collection import quoted
from coriolis_ng.client.resource import Resource


class Quota(Resource):
    """A limit (-1: none) of executions or instances; ``source`` says where
    it comes from."""

    resource: str
    limit: int
    usage: int
    source: str


class Quotas:
    """Those of the own project, or, as an administrator, of any."""

    path = '/quotas'

    def __init__(self, api: Api) -> None:
        self.api = api

    def list(self, project_id: str | None = None) -> builtins.list[Quota]:
        """What is limited, and what is used of it."""
        return _made(self.api.ask('GET', self._url(project_id)))

    def update(
        self, project_id: str, **limits: int | None
    ) -> builtins.list[Quota]:
        """Sets ``executions`` or ``instances``: -1 is no limit, None goes
        back to the default."""
        body = {'quotas': limits}
        return _made(self.api.ask('PUT', self._url(project_id), body))

    def delete(self, project_id: str) -> None:
        """Back to the defaults."""
        self.api.ask('DELETE', self._url(project_id))

    def _url(self, project_id: str | None) -> str:
        return (
            self.path
            if project_id is None
            else (f'{self.path}/{quoted(project_id)}')
        )


def _made(answer: Json) -> builtins.list[Quota]:
    return [Quota(one) for one in answer['quotas']]
