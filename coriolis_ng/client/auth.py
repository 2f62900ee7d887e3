# SPDX-License-Identifier: Apache-2.0
"""Who you are where there is no Keystone: a token from a file."""

from __future__ import annotations

import pathlib

from keystoneauth1 import loading, token_endpoint
from keystoneauth1 import session as sessions

from coriolis_ng.client.errors import ApiError


class LocalToken(token_endpoint.Token):
    """An authentication plugin of keystoneauth1 for one endpoint.

    Give the token itself or the file that holds it; the file is read when
    the token is first needed and again after the service refused it. As
    ``auth_type: coriolis_local`` it works in ``clouds.yaml`` as well.
    """

    def __init__(
        self,
        endpoint: str,
        token: str | None = None,
        token_file: str | pathlib.Path | None = None,
    ) -> None:
        if not endpoint:
            raise ApiError('A local token wants an endpoint as well.')
        if bool(token) == bool(token_file):
            raise ApiError('Give either a token or a file with one.')
        super().__init__(endpoint, token)
        self._file = pathlib.Path(token_file) if token_file else None

    def get_token(self, session: sessions.Session) -> str | None:
        """The token, from the file when there is one."""
        if self._file and not self.token:
            try:
                self.token = self._file.read_text('utf-8').strip()
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, 'strerror', None) or 'not text'
                raise ApiError(
                    f'The file with the token, {self._file}, cannot be '
                    f'read: {why}.',
                    code='no_token',
                ) from None
            # Whatever else is in that file, no message may show it.
            if not self.token.isascii() or len(self.token.split()) != 1:
                self.token = None
                raise ApiError(
                    f'The file {self._file} has no token in it: one word on '
                    'one line.',
                    code='no_token',
                )
        return self.token

    def invalidate(self) -> bool:
        """True when the file has another token by now."""
        if not self._file:
            return False
        old, self.token = self.token, None
        return self.get_token(None) != old  # type: ignore[arg-type]


class Loader(loading.BaseLoader[LocalToken]):
    """Makes it from options, for ``clouds.yaml`` and command lines."""

    @property
    def plugin_class(self) -> type[LocalToken]:
        return LocalToken

    def get_options(self) -> list[loading.Opt]:
        """``endpoint`` and ``token-file``. A token itself is none: where a
        plugin has that option, openstack insists on it."""
        return [
            loading.Opt(
                'endpoint',
                required=True,
                help='http://HOST:7667/v1/PROJECT',
            ),
            loading.Opt(
                'token-file', required=True, help='A file with the token'
            ),
        ]
