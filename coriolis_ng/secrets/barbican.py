# SPDX-License-Identifier: Apache-2.0
"""Secrets in OpenStack's Barbican; references are Barbican's URLs."""

from __future__ import annotations

import functools
from typing import Any

from barbicanclient import client, exceptions
from keystoneauth1 import exceptions as keystone

from coriolis_ng import errors

NAME = 'coriolis'
KIND = 'opaque'
_NOT_FOUND = 404
_REFUSED = 403


class BarbicanStore:
    """A ``SecretStore`` with the rights of one Keystone session.

    ``session`` is a ``keystoneauth1`` session, ``options`` what the client
    takes beside it (``region_name``, ``interface``, ``endpoint``). Barbican
    itself keeps projects apart: ``project_id`` is the session's.
    """

    def __init__(self, session: Any, **options: Any) -> None:
        self._session = session
        self._options = options

    @functools.cached_property
    def _secrets(self) -> Any:
        # The client asks the service for its versions when it is made.
        made = client.Client(session=self._session, **self._options)
        return made.secrets

    def put(
        self, payload: bytes, *, project_id: str, ref: str | None = None
    ) -> str:
        """Stores as an opaque secret; gives its URL, which nobody else can
        choose."""
        with _Told():
            return str(
                self._secrets.create(
                    name=NAME, payload=payload, secret_type=KIND
                ).store()
            )

    def get(self, ref: str, *, project_id: str) -> bytes:
        """``NotFound``, ``AuthFailed``, ``Unreachable``; ``InvalidInput``
        for what is no reference."""
        with _Told():
            payload = self._secrets.get(ref).payload
        if payload is None:
            raise errors.NotFound('the secret has no payload')
        return payload.encode() if isinstance(payload, str) else payload

    def drop(self, ref: str, *, project_id: str) -> None:
        """Silent when it is gone."""
        try:
            with _Told():
                self._secrets.delete(ref)
        except errors.NotFound:
            return


class _Told:
    """Barbican's errors as ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None and (told := _ours(error)) is not None:
            raise told from None


def _ours(error: BaseException) -> errors.CoriolisError | None:
    # The client's HTTPAuthError has no status_code at all.
    refused = (exceptions.HTTPAuthError, keystone.Unauthorized)
    if isinstance(error, refused):
        return errors.AuthFailed('Barbican refused the token')
    if isinstance(error, exceptions.HTTPError):
        return _of_status(error.status_code, str(error))
    if isinstance(error, keystone.ConnectFailure):
        return errors.Unreachable(
            'Barbican does not answer', detail=str(error)
        )
    if isinstance(error, exceptions.SecretHasConsumers):
        return errors.Conflict('others use this secret')
    if isinstance(error, exceptions.UnsupportedVersion):
        return errors.Unsupported('this Barbican is too old or too new')
    if isinstance(error, ValueError):
        return errors.InvalidInput(
            'that is no reference to a secret', field='secret_ref'
        )
    return None


def _of_status(status: int, detail: str) -> errors.CoriolisError:
    if status == _NOT_FOUND:
        return errors.NotFound('there is no such secret', detail=detail)
    if status == _REFUSED:
        return errors.Forbidden('Barbican does not allow this', detail=detail)
    return errors.Unreachable('Barbican failed', detail=detail)
