# SPDX-License-Identifier: Apache-2.0
"""The state directory of ``coriolis-allinone``: rows, keys, one token."""

from __future__ import annotations

import os
import pathlib

from coriolis_ng import auth, errors


class State:
    """A directory for its owner only, made with what it needs.

    ``admin-token`` holds the token of one user, who may do everything in
    the project ``local``.
    """

    project_id = 'local'

    def __init__(self, place: pathlib.Path) -> None:
        if '$' in str(place.absolute()):
            # oslo.config replaces it, even in the names of its own files.
            raise errors.InvalidInput(
                f'The state directory {place} has a $ in its path.'
            )
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._place = place.resolve()
        self.token_file = self._place / 'admin-token'
        if not self.token_file.exists():
            token, _ = auth.issue(self.project_id, 'admin', ['admin'])
            descriptor = os.open(
                self.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
            )
            with os.fdopen(descriptor, 'w') as file:
                file.write(f'{token}\n')

    def auth(self) -> auth.LocalAuth:
        """Knows the admin's token."""
        token = self.token_file.read_text('utf-8').strip()
        _, known = auth.issue(self.project_id, 'admin', ['admin'], token)
        return auth.LocalAuth(tokens=[known])

    def write_configuration(self) -> str:
        """What is other than the defaults here, as a file; its path."""
        place = self._place
        file = self._place / 'allinone.conf'
        file.write_text(
            '# Written at each start; give --config-file to change things.\n'
            '[DEFAULT]\n'
            'host = allinone\n'
            'transport_url = fake://\n'
            '[database]\n'
            f'connection = sqlite:///{place}/coriolis.sqlite\n'
            '[auth]\n'
            'driver = local\n'
            '[secrets]\n'
            f'key_file = {place}/secrets.key\n',
            'utf-8',
        )
        return str(file)
