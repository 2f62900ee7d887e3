# SPDX-License-Identifier: Apache-2.0
"""Requests over a keystoneauth1 session; refusals become exceptions.

Bodies are never logged: they hold passwords, scripts and keys, and
keystoneauth1, which would log them, knows which of its own to leave out only.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import requests
from keystoneauth1 import adapter, exceptions
from keystoneauth1 import session as sessions

from coriolis_ng.client.errors import (
    ApiError,
    Unauthorized,
    Unreachable,
    kind_of,
)

LOG = logging.getLogger(__name__)

Json = dict[str, Any]
SERVICE_TYPE = 'migration'


class Api:
    """One service of one region, as one user.

    ``endpoint_override`` is ``http://HOST:7667/v1/PROJECT``; without it the
    catalog is asked for ``service_type`` and ``interface``.
    """

    def __init__(
        self,
        session: sessions.Session,
        *,
        auth: Any = None,
        endpoint_override: str | None = None,
        interface: str = 'public',
        region_name: str | None = None,
        service_type: str = SERVICE_TYPE,
        service_name: str | None = None,
    ) -> None:
        self._adapter = adapter.Adapter(
            session,
            auth=auth,
            service_type=service_type,
            service_name=service_name,
            endpoint_override=endpoint_override,
            interface=interface,
            region_name=region_name,
            client_name='coriolis-ng-client',
        )

    def ask(
        self,
        verb: str,
        path: str,
        body: Any = None,
        params: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The answer's JSON, None for an empty one; raises ``ApiError``."""
        return _json(self.send(verb, path, body, params, headers))

    def tagged(self, path: str, params: Json | None = None) -> tuple[Any, str]:
        """The JSON and its ``ETag``, '' where there is none."""
        answer = self.send('GET', path, None, params)
        return _json(answer), str(answer.headers.get('ETag') or '')

    def text(self, path: str, media_type: str, params: Json) -> str:
        """The answer as text of that type, such as ``text/csv``."""
        found = self.send('GET', path, None, params, {'Accept': media_type})
        # requests guesses Latin-1 where the answer names no charset.
        found.encoding = 'utf-8'
        return str(found.text)

    def lines(self, path: str, params: Json | None = None) -> Iterator[str]:
        """Lines of an answer that does not end by itself."""
        answer = self.send(
            'GET',
            path,
            None,
            params,
            {'Accept': 'text/event-stream'},
            stream=True,
        )
        answer.encoding = 'utf-8'
        try:
            with answer:
                yield from answer.iter_lines(chunk_size=1, decode_unicode=True)
        except requests.RequestException as error:
            raise Unreachable(
                f'The stream broke: {error}', code='unreachable'
            ) from None

    def send(
        self,
        verb: str,
        path: str,
        body: Any = None,
        params: Json | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """The answer of ``requests``; params that are None are left out."""
        wanted = {k: v for k, v in (params or {}).items() if v is not None}
        try:
            answer = self._adapter.request(
                path,
                verb,
                json=body,
                params=wanted,
                raise_exc=False,
                headers={'Accept': 'application/json', **(headers or {})},
                log=False,
                **more,
            )
        except exceptions.ClientException as error:
            LOG.debug('%s %s was not answered', verb, path)
            raise _of_keystoneauth(error) from None
        LOG.debug(
            '%s %s answered %s, request=%s%s',
            verb,
            answer.url.partition('?')[0],
            answer.status_code,
            answer.headers.get('x-openstack-request-id', ''),
            '' if body is None else '; bodies are not logged',
        )
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer


def _json(answer: Any) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        raise ApiError(
            f'{answer.url} answers, but not with JSON; it does not look like '
            'a migration service. Is the endpoint right?',
            code='not_the_service',
        ) from None


def _of_keystoneauth(error: Exception) -> ApiError:
    if isinstance(error, exceptions.ConnectFailure):
        return Unreachable(_silence(str(error)), code='unreachable')
    if isinstance(error, exceptions.UnknownConnectionError) and isinstance(
        error.original, requests.exceptions.ChunkedEncodingError
    ):
        # Whoever answered was killed meanwhile; others may be there.
        return Unreachable(
            f'The answer broke off: {error.original}', code='unreachable'
        )
    if isinstance(error, exceptions.Unauthorized):
        return Unauthorized(
            f'Keystone does not let you in: {error.message}',
            code='unauthorized',
        )
    if isinstance(
        error, exceptions.EndpointNotFound | exceptions.EmptyCatalog
    ):
        return ApiError(
            f'The catalog of Keystone has no endpoint of the service type '
            f'"{SERVICE_TYPE}" there ({error}). Look at the region and the '
            'interface, or ask the operator to register the service.',
            code='not_in_catalog',
        )
    return ApiError(f'The request failed: {error}', code='no_request')


def _silence(told: str) -> str:
    """The address and the reason out of all that requests tells."""
    where = re.search(r'(https?://[^\s?]+)', told)
    why = re.search(r'\[Errno -?\d+\] ([^"\'()]+)', told)
    address = where.group(1).rstrip(':') if where else 'that address'
    if why:
        return f'Nobody answers at {address}: {why.group(1).strip()}.'
    if 'certificate' in told.lower():
        return f'The certificate of {address} is not trusted: {told}'
    return f'Nobody answers at {address}: {told}'


def _refusal(answer: Any) -> ApiError:
    try:
        told = answer.json()
        told = told.get('error', told)
        message = str(told.get('message') or answer.reason)
    except (ValueError, AttributeError):
        told, message = {}, answer.reason or 'no explanation'
    return kind_of(answer.status_code)(
        message,
        status=answer.status_code,
        code=str(told.get('reason') or told.get('error_code') or ''),
        field=str(told.get('field') or ''),
        request_id=answer.headers.get('x-openstack-request-id', ''),
        retry_after=_seconds(answer.headers.get('Retry-After', '')),
    )


def _seconds(text: str) -> float:
    """A date, which the header may be too, is not waited for."""
    return float(text) if text.isdecimal() else 0.0
