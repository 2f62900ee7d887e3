# SPDX-License-Identifier: Apache-2.0
"""Endpoints: clouds with the access to them, and what is in them."""

from __future__ import annotations

import base64
import builtins
import json
from typing import Any

from coriolis_ng.client.api import Json
from coriolis_ng.client.collection import Collection
from coriolis_ng.client.resource import Resource, Stamped


class Endpoint(Stamped):
    """Access to a cloud; ``connection_info`` is never in clear."""

    name: str
    type: str
    description: str
    connection_info: Json
    mapped_regions: list[str]
    slots: int | None
    bandwidth_limit: Json | None
    user_id: str
    project_id: str


class Validation(Resource):
    """Whether the cloud lets us in, and what it says."""

    valid: bool
    message: str | None


class Instance(Resource):
    """A machine of a cloud; ``devices`` only where one was asked for."""

    name: str
    num_cpu: int
    memory_mb: int
    os_type: str
    firmware_type: str
    power_state: str
    devices: Json


class Network(Resource):
    name: str


class Option(Resource):
    """Something that an environment can say, with what it may say."""

    name: str
    config_default: Any

    @property
    def choices(self) -> list[Any]:
        """The field ``values``, which as an attribute is a method."""
        found: list[Any] = self['values']
        return found


def encode(value: Any) -> str:
    """URL-safe base64 of a string, or of JSON for anything else."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode()


class Endpoints(Collection[Endpoint]):
    path, one, many, kind = '/endpoints', 'endpoint', 'endpoints', Endpoint

    def validate(self, id: str) -> Validation:
        """Tries to connect; a refusal is an answer, not an error."""
        answer = self.act(id, 'validate-connection')
        return Validation(answer['validate-connection'])

    def instances(self, id: str, **params: Any) -> builtins.list[Instance]:
        """Machines: ``name`` (a part of it), ``limit``, ``marker``,
        ``env``; ``refresh`` asks the cloud anew."""
        found = self._look(id, 'instances', 'instances', **params)
        return [Instance(one) for one in found]

    def instance(self, id: str, name: str, **params: Any) -> Instance:
        """A machine with its devices."""
        where = f'instances/{encode(name)}'
        return Instance(self._look(id, where, 'instance', **params))

    def networks(self, id: str, **params: Any) -> builtins.list[Network]:
        """The networks of the cloud."""
        found = self._look(id, 'networks', 'networks', **params)
        return [Network(one) for one in found]

    def storage(self, id: str, **params: Any) -> Json:
        """``{storage_backends, config_default}``."""
        found: Json = self._look(id, 'storage', 'storage', **params)
        return found

    def options(
        self, id: str, side: str, **params: Any
    ) -> builtins.list[Option]:
        """``side``: source, destination, source-minion-pool or
        destination-minion-pool."""
        key = f'{side.replace("-", "_")}_options'
        found = self._look(id, f'{side}-options', key, **params)
        return [Option(one) for one in found]

    def inventory(self, id: str, **params: Any) -> str:
        """All machines as CSV."""
        return self.api.text(
            f'{self.url(id)}/inventory', 'text/csv', _encoded(params)
        )

    def _look(self, id: str, what: str, key: str, **params: Any) -> Any:
        answer = self.api.ask(
            'GET', f'{self.url(id)}/{what}', params=_encoded(params)
        )
        return answer[key]


def _encoded(params: Json) -> Json:
    return {
        name: encode(value) if name in ('env', 'options') else value
        for name, value in params.items()
        if value is not None
    }
