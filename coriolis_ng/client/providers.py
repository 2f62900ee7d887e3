# SPDX-License-Identifier: Apache-2.0
"""Providers: the kinds of clouds that the workers can reach."""

from __future__ import annotations

from coriolis_ng.client.api import Api, Json
from coriolis_ng.client.collection import quoted
from coriolis_ng.client.errors import NotFound
from coriolis_ng.client.resource import Resource


class Provider(Resource):
    """``types`` are the public numbers of what it can do."""

    types: list[int]
    capabilities: list[str]


class Providers:
    """By name; there is nothing to make or to change."""

    # What a schema is about, and the number that asks for it.
    KINDS = {
        'connection': 16,
        'destination': 4,
        'source': 8,
        'source_minion_pool': 524288,
        'destination_minion_pool': 1048576,
    }

    def __init__(self, api: Api) -> None:
        self.api = api

    def list(self) -> dict[str, Provider]:
        """All, by name."""
        found = self.api.ask('GET', '/providers')['providers']
        return {name: Provider(told) for name, told in found.items()}

    def schema(self, name: str, kind: str) -> Json:
        """The JSON Schema; ``kind`` is a key of ``KINDS``."""
        path = f'/providers/{quoted(name)}/schemas/{self.KINDS[kind]}'
        found = self.api.ask('GET', path)['schemas']
        for one in found.values():
            schema: Json = one
            return schema
        raise NotFound(
            f'The provider "{name}" has no schema of the kind {kind}.',
            code='not_found',
        )
