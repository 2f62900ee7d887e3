# SPDX-License-Identifier: Apache-2.0
"""Who is calling: one contract, with Keystone or with tokens of a file.

An :class:`Auth` wraps a WSGI application. It removes what a client says of
itself and sets ``X-Identity-Status``, ``X-Project-Id``, ``X-User-Id`` and
``X-Roles``; it never refuses a request, because version documents are public.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pathlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
from oslo_config import cfg

from coriolis_ng import errors
from coriolis_ng.objects import Value, from_plain, to_plain

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What keystonemiddleware removes as well: all that speaks of identity.
_SPOOFABLE = (
    'HTTP_X_IDENTITY_STATUS',
    'HTTP_X_SERVICE_IDENTITY_STATUS',
    'HTTP_X_SERVICE_CATALOG',
    'HTTP_X_ROLE',
    'HTTP_X_USER',
    'HTTP_X_TENANT',
    'HTTP_X_TENANT_ID',
    'HTTP_X_TENANT_NAME',
    'HTTP_X_IS_ADMIN_PROJECT',
    'HTTP_OPENSTACK_SYSTEM_SCOPE',
)
_SPOOFABLE_STARTS = (
    'HTTP_X_PROJECT_',
    'HTTP_X_USER_',
    'HTTP_X_DOMAIN_',
    'HTTP_X_ROLES',
    'HTTP_X_SERVICE_PROJECT_',
    'HTTP_X_SERVICE_USER_',
    'HTTP_X_SERVICE_DOMAIN_',
    'HTTP_X_SERVICE_ROLES',
)
# As in Keystone: a role brings those below it.
_IMPLIED = {
    'admin': ('manager', 'member', 'reader'),
    'manager': ('member', 'reader'),
    'member': ('reader',),
}


class Auth(Protocol):
    """Puts identification in front of an application."""

    def wrap(self, application: WsgiApp) -> WsgiApp:
        """The application behind the filter."""


class LocalToken(Value):
    """A token of the file: only its SHA-256 (hex) is kept."""

    sha256: str
    project_id: str
    user_id: str
    roles: tuple[str, ...]


class LocalTokens(Value):
    """The file: ``{"tokens": [{sha256, project_id, user_id, roles}]}``."""

    tokens: tuple[LocalToken, ...] = ()


def issue(
    project_id: str, user_id: str, roles: Sequence[str], token: str = ''
) -> tuple[str, LocalToken]:
    """A new random token (or the given one) and what is kept of it."""
    token = token or secrets.token_urlsafe(32)
    return token, LocalToken(
        sha256=_digest(token),
        project_id=project_id,
        user_id=user_id,
        roles=tuple(roles),
    )


def save_tokens(path: str, tokens: Sequence[LocalToken]) -> None:
    """Writes the file anew, readable by its owner only."""
    plain = to_plain(LocalTokens(tokens=tuple(tokens)))
    target = pathlib.Path(path)
    fresh = target.with_name(target.name + '.new')
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, 'wb') as file:
        file.write(msgspec.json.format(msgspec.json.encode(plain)))
    fresh.replace(target)


def load_tokens(path: str) -> tuple[LocalToken, ...]:
    """The tokens of the file; ``InvalidInput`` when it is not one."""
    try:
        plain = msgspec.json.decode(pathlib.Path(path).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise errors.InvalidInput(
            f'the file of tokens {path} cannot be read: {error}'
        ) from None
    return from_plain(LocalTokens, plain).tokens


class LocalAuth:
    """Tokens of a file, for one machine without Keystone.

    Give the path of the file or the tokens themselves.
    """

    def __init__(
        self,
        token_file: str | None = None,
        *,
        tokens: Sequence[LocalToken] = (),
    ) -> None:
        known = load_tokens(token_file) if token_file else ()
        self._tokens = (*known, *tokens)

    def identify(self, token: str) -> LocalToken | None:
        """Whose token it is; the time taken tells nothing about others."""
        digest = _digest(token)
        found = None
        for one in self._tokens:
            if hmac.compare_digest(one.sha256, digest):
                found = one
        return found

    def wrap(self, application: WsgiApp) -> WsgiApp:
        """See :class:`Auth`."""

        def identified(
            environ: dict[str, Any], start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            _forget_claims(environ)
            token = environ.get('HTTP_X_AUTH_TOKEN', '')
            known = self.identify(token) if token else None
            environ['HTTP_X_IDENTITY_STATUS'] = (
                'Confirmed' if known else 'Invalid'
            )
            if known:
                environ['HTTP_X_PROJECT_ID'] = known.project_id
                environ['HTTP_X_USER_ID'] = known.user_id
                environ['HTTP_X_ROLES'] = ','.join(_expanded(known.roles))
            return application(environ, start_response)

        return identified


class KeystoneAuth:
    """Keystone's tokens; ``conf`` has the group ``[keystone_authtoken]``."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    def wrap(self, application: WsgiApp) -> WsgiApp:
        """See :class:`Auth`."""
        # Heavy, and not needed on a machine without Keystone.
        from keystonemiddleware import auth_token

        return auth_token.AuthProtocol(
            application,
            {
                'oslo_config_config': self._conf,
                'delay_auth_decision': True,
                'include_service_catalog': False,
            },
        )


def _digest(token: str) -> str:
    # Tokens are random and long: no salt, no slow hash is needed.
    return hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()


def _forget_claims(environ: dict[str, Any]) -> None:
    for name in [
        name
        for name in environ
        if name in _SPOOFABLE or name.startswith(_SPOOFABLE_STARTS)
    ]:
        del environ[name]


def _expanded(roles: Sequence[str]) -> list[str]:
    every = {role: None for role in roles}
    for role in roles:
        every.update(dict.fromkeys(_IMPLIED.get(role, ())))
    return list(every)
