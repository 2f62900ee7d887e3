# SPDX-License-Identifier: Apache-2.0
"""A client of the REST API, one attribute for each noun."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from keystoneauth1 import adapter, exceptions
from keystoneauth1 import session as sessions

from coriolis_ng.client.errors import ApiError

Json = dict[str, Any]
SERVICE_TYPE = 'migration'


class Api:
    """Requests as JSON, refusals as ``ApiError``."""

    def __init__(
        self,
        session: sessions.Session,
        *,
        endpoint_override: str | None = None,
        interface: str = 'public',
        region_name: str | None = None,
    ) -> None:
        self._adapter = adapter.Adapter(
            session,
            service_type=SERVICE_TYPE,
            endpoint_override=endpoint_override,
            interface=interface,
            region_name=region_name,
        )

    def ask(
        self,
        verb: str,
        path: str,
        body: Json | None = None,
        params: Json | None = None,
    ) -> Any:
        """The answer's JSON, None for an empty one; raises ``ApiError``."""
        wanted = {k: v for k, v in (params or {}).items() if v is not None}
        try:
            answer = self._adapter.request(
                path,
                verb,
                json=body,
                params=wanted,
                raise_exc=False,
                headers={'Accept': 'application/json'},
            )
        except exceptions.ConnectFailure as error:
            raise ApiError(
                'The migration service does not answer; is it running and '
                f'is the endpoint right? {error}',
                status=0,
                code='unreachable',
            ) from None
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer.json() if answer.content else None


def _refusal(answer: Any) -> ApiError:
    try:
        told = answer.json()
        told = told.get('error', told)
        message = str(told.get('message') or answer.reason)
    except (ValueError, AttributeError):
        told, message = {}, answer.reason or 'no explanation'
    return ApiError(
        message,
        status=answer.status_code,
        code=str(told.get('reason') or told.get('error_code') or ''),
        field=str(told.get('field') or ''),
        request_id=answer.headers.get('x-openstack-request-id', ''),
    )


class Collection:
    """A noun: its path, and the key that wraps one and many."""

    path = ''
    one = ''
    many = ''

    def __init__(self, api: Api) -> None:
        self.api = api

    def list(self, **params: Any) -> list[Json]:
        """One page (``limit``, ``marker``, ``sort_key``, ``sort_dir``)."""
        found: list[Json] = self.api.ask('GET', self.path, params=params)[
            self.many
        ]
        return found

    def all(self, page: int = 100, **params: Any) -> Iterator[Json]:
        """Everything, page by page."""
        marker = None
        while True:
            found = self.list(limit=page, marker=marker, **params)
            yield from found
            if len(found) < page:
                return
            marker = found[-1]['id']

    def get(self, id: str, **params: Any) -> Json:
        answer = self.api.ask('GET', f'{self.path}/{id}', params=params)
        return answer[self.one]

    def create(self, **fields: Any) -> Json:
        body = {self.one: _said(fields)}
        return self.api.ask('POST', self.path, body)[self.one]

    def update(self, id: str, **fields: Any) -> Json:
        body = {self.one: _said(fields)}
        answer: Json = self.api.ask('PUT', f'{self.path}/{id}', body)
        return answer

    def delete(self, id: str) -> None:
        self.api.ask('DELETE', f'{self.path}/{id}')

    def act(self, id: str, action: str, value: Any = None) -> Any:
        """``POST .../actions`` with one key."""
        return self.api.ask(
            'POST', f'{self.path}/{id}/actions', {action: value}
        )


def _said(fields: Json) -> Json:
    """Without what was not said: None means "as the server likes"."""
    return {name: v for name, v in fields.items() if v is not None}


def encode(value: Any) -> str:
    """URL-safe base64 of a string, or of JSON for anything else."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode()


class Endpoints(Collection):
    path, one, many = '/endpoints', 'endpoint', 'endpoints'

    def list(self, **params: Any) -> list[Json]:
        """All of them: this list has no pages."""
        found: list[Json] = self.api.ask('GET', self.path)[self.many]
        return found

    def validate(self, id: str) -> Json:
        """``{valid, message}``: whether the cloud lets us in."""
        answer = self.act(id, 'validate-connection')
        return answer['validate-connection']

    def instances(self, id: str, **params: Any) -> list[Json]:
        return self._look(id, 'instances', 'instances', **params)

    def instance(self, id: str, name: str) -> Json:
        return self._look(id, f'instances/{encode(name)}', 'instance')

    def networks(self, id: str) -> list[Json]:
        return self._look(id, 'networks', 'networks')

    def storage(self, id: str) -> Json:
        return self._look(id, 'storage', 'storage')

    def options(self, id: str, side: str) -> list[Json]:
        """``side`` is source or destination."""
        return self._look(id, f'{side}-options', f'{side}_options')

    def _look(self, id: str, what: str, key: str, **params: Any) -> Any:
        if params.get('env') is not None:
            params['env'] = encode(params['env'])
        return self.api.ask('GET', f'{self.path}/{id}/{what}', params=params)[
            key
        ]


class Transfers(Collection):
    path, one, many = '/transfers', 'transfer', 'transfers'

    def delete_disks(self, id: str) -> Json:
        return self.act(id, 'delete-disks')['execution']

    def preflight(self, id: str) -> Json:
        """``{passed, findings}``."""
        return self.act(id, 'preflight')['preflight']


class Executions:
    """The runs of a transfer."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def of(self, transfer_id: str) -> Collection:
        """The executions of one transfer as a collection."""
        found = Collection(self.api)
        found.path = f'/transfers/{transfer_id}/executions'
        found.one, found.many = 'execution', 'executions'
        return found

    def cancel(self, transfer_id: str, id: str, force: bool = False) -> None:
        self.of(transfer_id).act(id, 'cancel', {'force': force})


class Deployments(Collection):
    path, one, many = '/deployments', 'deployment', 'deployments'

    def cancel(self, id: str, force: bool = False) -> None:
        self.act(id, 'cancel', {'force': force})


class RecoveryPoints(Collection):
    path, one, many = '/recovery_points', 'recovery_point', 'recovery_points'

    def of(self, transfer_id: str, **params: Any) -> list[Json]:
        return self.api.ask(
            'GET', f'/transfers/{transfer_id}/recovery_points', params=params
        )[self.many]

    def pin(self, id: str, pinned: bool = True) -> Json:
        return self.act(id, 'pin' if pinned else 'unpin')[self.one]


class Providers:
    """What kinds of clouds the workers can reach."""

    KINDS = {'connection': 16, 'destination': 4, 'source': 8}

    def __init__(self, api: Api) -> None:
        self.api = api

    def list(self) -> dict[str, Json]:
        found: dict[str, Json] = self.api.ask('GET', '/providers')['providers']
        return found

    def schema(self, name: str, kind: str) -> Json:
        """The JSON Schema; ``kind`` is a key of ``KINDS``."""
        number = self.KINDS[kind]
        answer = self.api.ask('GET', f'/providers/{name}/schemas/{number}')
        return next(iter(answer['schemas'].values()))


class Services(Collection):
    path, one, many = '/services', 'service', 'services'


class Client:
    """``Client(session)`` finds the service in Keystone's catalog;
    ``endpoint_override`` is ``http://host:7667/v1/PROJECT``."""

    def __init__(self, session: sessions.Session, **options: Any) -> None:
        api = Api(session, **options)
        self.endpoints = Endpoints(api)
        self.transfers = Transfers(api)
        self.executions = Executions(api)
        self.deployments = Deployments(api)
        self.recovery_points = RecoveryPoints(api)
        self.providers = Providers(api)
        self.services = Services(api)
