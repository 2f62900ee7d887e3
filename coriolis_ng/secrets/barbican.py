# SPDX-License-Identifier: Apache-2.0
"""Secrets in OpenStack's Barbican; references are Barbican's URLs."""

from __future__ import annotations

from typing import Any

from barbicanclient import client, exceptions
from keystoneauth1 import exceptions as keystone

from coriolis_ng import errors

NAME = 'coriolis'
KIND = 'opaque'
_NOT_FOUND = 404
_REFUSED = (401, 403)


class BarbicanStore:
    """A ``SecretStore`` with the rights of one Keystone session.

    ``session`` is a ``keystoneauth1`` session, ``options`` what the client
    takes beside it (``region_name``, ``interface``, ``endpoint``). Barbican
    itself keeps projects apart: ``project_id`` is the session's.
    """

    def __init__(self, session: Any, **options: Any) -> None:
        self._client = client.Client(session=session, **options)

    def put(self, payload: bytes, *, project_id: str) -> str:
        """Stores as an opaque secret; gives its URL."""
        with _Told():
            return str(
                self._client.secrets.create(
                    name=NAME, payload=payload, secret_type=KIND
                ).store()
            )

    def get(self, ref: str, *, project_id: str) -> bytes:
        """``NotFound``, ``AuthFailed``, ``Unreachable``; ``InvalidInput``
        for what is no reference."""
        with _Told():
            payload = self._client.secrets.get(ref).payload
        if payload is None:
            raise errors.NotFound('the secret has no payload')
        return payload.encode() if isinstance(payload, str) else payload

    def drop(self, ref: str, *, project_id: str) -> None:
        """Silent when it is gone."""
        try:
            with _Told():
                self._client.secrets.delete(ref)
        except errors.NotFound:
            return


class _Told:
    """Barbican's errors as ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, exceptions.HTTPError):
            raise _of_status(error.status_code, str(error)) from None
        if isinstance(error, keystone.NotFound):
            raise errors.NotFound('there is no such secret') from None
        if isinstance(error, keystone.Unauthorized):
            raise errors.AuthFailed('Barbican refused the token') from None
        if isinstance(
            error, (keystone.ConnectFailure, exceptions.HTTPServerError)
        ):
            raise errors.Unreachable(
                'Barbican does not answer', detail=str(error)
            ) from None
        if isinstance(error, ValueError):
            raise errors.InvalidInput(
                'that is no reference to a secret', field='secret_ref'
            ) from None


def _of_status(status: int, detail: str) -> errors.CoriolisError:
    if status == _NOT_FOUND:
        return errors.NotFound('there is no such secret', detail=detail)
    if status in _REFUSED:
        return errors.AuthFailed('Barbican refused', detail=detail)
    return errors.Unreachable('Barbican failed', detail=detail)
