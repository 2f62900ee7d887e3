# SPDX-License-Identifier: Apache-2.0
"""What lets work go on after a token has expired: Keystone's trusts, or
application credentials where the token may not make a trust.

A trust names the service's user as its trustee and lets it act as the user
who asked, in that project, with the roles of the request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3

from coriolis_ng import errors
from coriolis_ng.objects.trust import Grant, Trust, TrustKind

KEY_MANAGER = 'key-manager'
# Kept by Keystone with the trust: with it a trust is found again whose
# making was never acknowledged.
MARK = 'coriolis_trust'
KEPT_SECONDS = 300  # a token is used again; a revoked one so long at most
_FORBIDDEN = (401, 403)
_GONE = 404

Plain = dict[str, Any]


class KeystoneTrusts:
    """A ``Trusts`` (see ``base``).

    ``make_auth(**scope)`` gives an auth plugin of the service's user with
    another scope (``trust_id=...``), or its own; ``session`` carries TLS
    options and time-outs.
    """

    def __init__(
        self,
        session: sessions.Session,
        make_auth: Callable[..., Any],
        *,
        interface: str = 'public',
        region_name: str | None = None,
    ) -> None:
        self._session = session
        self._make_auth = make_auth
        self._own = make_auth()
        self._lock = threading.Lock()
        self._auths: dict[str, tuple[float, Any]] = {}
        self._interface = interface
        self._region_name = region_name

    def __repr__(self) -> str:
        return 'KeystoneTrusts(***)'

    def make(self, trust: Trust, token: str) -> tuple[TrustKind, str, str]:
        """Kind, Keystone's id, and a secret to keep ('' for a trust).

        ``Forbidden`` when the token may make neither.
        """
        body = {
            'impersonation': True,
            'project_id': trust.project_id,
            'trustor_user_id': trust.user_id,
            'trustee_user_id': self._own_id(),
            'roles': [{'name': name} for name in trust.roles],
            'expires_at': None,
            MARK: trust.id,
        }
        answer = self._ask('POST', '/OS-TRUST/trusts', token, {'trust': body})
        if answer.status_code not in _FORBIDDEN:
            made = _told(answer, 'a trust cannot be made')['trust']
            return TrustKind.TRUST, str(made['id']), ''
        return self._make_credential(trust, token)

    def grant(self, trust: Trust, secret: str) -> Grant:
        """A token under the trust; ``AuthFailed`` when it was revoked, or
        the user lost a role or was removed."""
        try:
            return self._granted(self._auth(trust, secret))
        except errors.AuthFailed:
            with self._lock:
                self._auths.pop(trust.id, None)
            raise

    def lend(self, token: str, project_id: str) -> Grant:
        """The caller's own token, for a question that is answered now."""
        own = self._access(self._own)
        return Grant(
            token=token,
            project_id=project_id,
            auth_url=self._url(),
            key_manager=self._place(own),
            references=_places(own),
        )

    def references(self) -> tuple[str, ...]:
        """Below which URLs the catalog's key manager keeps secrets."""
        return _places(self._access(self._own))

    def drop(self, trust: Trust, secret: str, token: str = '') -> None:
        """Silent when it is gone. ``token`` is one of a user who may be
        the one that it was made for."""
        if trust.kind is TrustKind.APPLICATION_CREDENTIAL:
            self._drop(
                f'/users/{trust.user_id}/application_credentials/'
                f'{trust.external_id}',
                [token, self._own_token],
            )
            return
        for id in (
            [trust.external_id] if trust.external_id else self._find(trust.id)
        ):
            self._drop(
                f'/OS-TRUST/trusts/{id}',
                # The trustor may, and it is who a trust's token is.
                [token, lambda id=id: self._trust_token(id), self._own_token],
            )

    def _make_credential(
        self, trust: Trust, token: str
    ) -> tuple[TrustKind, str, str]:
        body = {
            'name': f'coriolis-{trust.id}',
            'description': 'Made by the migration service, goes with '
            f'{trust.owner_id}',
            'roles': [{'name': name} for name in trust.roles],
        }
        answer = self._ask(
            'POST',
            f'/users/{trust.user_id}/application_credentials',
            token,
            {'application_credential': body},
        )
        if answer.status_code in _FORBIDDEN:
            raise errors.Forbidden(
                'Keystone allows neither a trust nor an application '
                'credential to be made with this token, and without one the '
                'work could not go on once the token has expired. Ask with a '
                'token got by password, or of an unrestricted application '
                'credential.'
            )
        made = _told(answer, 'an application credential cannot be made')
        made = made['application_credential']
        kind = TrustKind.APPLICATION_CREDENTIAL
        return kind, str(made['id']), str(made['secret'])

    def _auth(self, trust: Trust, secret: str) -> Any:
        """The same for a while: a dozen children that start together ask
        Keystone once."""
        now = time.monotonic()
        with self._lock:
            self._auths = {
                id: one for id, one in self._auths.items() if one[0] > now
            }
            if trust.id not in self._auths:
                made = self._new_auth(trust, secret)
                self._auths[trust.id] = now + KEPT_SECONDS, made
            return self._auths[trust.id][1]

    def _new_auth(self, trust: Trust, secret: str) -> Any:
        if trust.kind is TrustKind.TRUST:
            return self._make_auth(trust_id=trust.external_id)
        return v3.ApplicationCredential(
            auth_url=self._url(),
            application_credential_id=trust.external_id,
            application_credential_secret=secret,
        )

    def _granted(self, auth: Any) -> Grant:
        access = self._access(auth)
        return Grant(
            token=str(access.auth_token),
            project_id=str(access.project_id),
            user_id=str(access.user_id),
            auth_url=self._url(),
            key_manager=self._place(access),
            references=_places(access),
        )

    def _drop(self, path: str, tokens: Sequence[Any]) -> None:
        answer = None
        for one in tokens:
            token = one() if callable(one) else one
            if not token:
                continue
            answer = self._ask('DELETE', path, token)
            if answer.status_code < 400 or answer.status_code == _GONE:
                return
        status = answer.status_code if answer is not None else 0
        raise errors.Unreachable(
            'Keystone does not remove what was made for the transfer',
            detail=f'{path}: HTTP {status}',
        )

    def _find(self, mark: str) -> list[str]:
        path = f'/OS-TRUST/trusts?trustee_user_id={self._own_id()}'
        answer = self._ask('GET', path, self._own_token())
        found = _told(answer, 'trusts cannot be listed')['trusts']
        return [str(one['id']) for one in found if one.get(MARK) == mark]

    def _trust_token(self, id: str) -> str:
        try:
            return str(self._access(self._make_auth(trust_id=id)).auth_token)
        except errors.CoriolisError:
            return ''

    def _own_token(self) -> str:
        return str(self._access(self._own).auth_token)

    def _own_id(self) -> str:
        return str(self._access(self._own).user_id)

    def _url(self) -> str:
        return str(self._own.auth_url)

    def _place(self, access: Any) -> str:
        catalog = access.service_catalog
        found = (
            catalog.url_for(
                service_type=KEY_MANAGER,
                interface=self._interface,
                region_name=self._region_name,
            )
            if _places(access)
            else ''
        )
        return _root(str(found))

    def _access(self, auth: Any) -> Any:
        try:
            return auth.get_access(self._session)
        except (exceptions.Unauthorized, exceptions.Forbidden) as error:
            raise errors.AuthFailed(
                'Keystone does not let the service act for the user any more',
                detail=str(error),
            ) from None
        except exceptions.NotFound as error:
            raise errors.AuthFailed(
                'Keystone does not know the trust of the transfer any more',
                detail=str(error),
            ) from None
        except exceptions.ClientException as error:
            raise errors.Unreachable(
                'Keystone does not answer', detail=str(error)
            ) from None

    def _ask(
        self, verb: str, path: str, token: str, body: Plain | None = None
    ) -> Any:
        try:
            return self._session.request(
                self._url().rstrip('/').removesuffix('/v3') + '/v3' + path,
                verb,
                json=body,
                headers={'X-Auth-Token': token},
                authenticated=False,
                raise_exc=False,
                log=False,
            )
        except exceptions.ClientException as error:
            raise errors.Unreachable(
                'Keystone does not answer', detail=str(error)
            ) from None


def _told(answer: Any, what: str) -> Plain:
    if answer.status_code >= 500:
        raise errors.Unreachable(
            'Keystone failed', detail=f'HTTP {answer.status_code}'
        )
    if answer.status_code >= 400:
        raise errors.Conflict(
            f'{what}: Keystone answered {answer.status_code}',
            detail=answer.text[:500],
        )
    told: Plain = answer.json()
    return told


def _places(access: Any) -> tuple[str, ...]:
    found = access.service_catalog.get_endpoints_data(
        service_type=KEY_MANAGER
    ).values()
    urls = {_root(one.url) for several in found for one in several}
    return tuple(sorted(urls))


def _root(url: str) -> str:
    return url.rstrip('/').removesuffix('/v1')
