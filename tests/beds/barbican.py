# SPDX-License-Identifier: Apache-2.0
"""A real Barbican on SQLite and loopback, beside a Keystone of ours."""

from __future__ import annotations

import base64
import os
import pathlib
import shutil
import tempfile
from types import TracebackType
from typing import Self

from tests.beds import keystone, process

PASSWORD = 'throw-away-barbican'
SERVICE_PROJECT = 'service'

_APPLICATION = """\
from paste.deploy import loadapp
application = loadapp('config:{paste}', name='main')
"""
# It looks for its file in the home of its user, and nowhere else of ours.
_CONFIG = """\
[DEFAULT]
db_auto_create = true
host_href = {url}
log_file = {base}/barbican.log
sql_connection = sqlite:///{base}/barbican.sqlite
[database]
connection = sqlite:///{base}/barbican.sqlite
[secretstore]
enabled_secretstore_plugins = store_crypto
[crypto]
enabled_crypto_plugins = simple_crypto
[simple_crypto_plugin]
kek = {key}
[keystone_authtoken]
auth_type = password
auth_url = {auth_url}
www_authenticate_uri = {auth_url}
username = barbican
password = {password}
project_name = {project}
user_domain_id = default
project_domain_id = default
"""


class Barbican:
    """Use it with ``with``; it registers itself in the Keystone's catalog.

    Its service user lives in the project ``service_project_id``, which is
    made when it is not given.
    """

    def __init__(
        self, keystone_: keystone.Keystone, service_project_id: str = ''
    ) -> None:
        self.base = pathlib.Path(tempfile.mkdtemp(prefix='cng-barbican-'))
        self.port = process.free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self._keystone = keystone_
        self._project_id = service_project_id
        self._server: process.Server | None = None

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        self._server = keystone.serve(
            self.base, 'barbican_app', self.port, {'HOME': str(self.base)}
        )

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    def _prepare(self) -> None:
        project_id = self._project_id or self._keystone.project(
            SERVICE_PROJECT
        )
        self._keystone.user('barbican', PASSWORD, project_id, ['admin'])
        self._keystone.service('key-manager', 'barbican', self.url)
        folder = self.base / '.barbican'
        folder.mkdir()
        (folder / 'barbican.conf').write_text(
            _CONFIG.format(
                base=self.base,
                url=self.url,
                auth_url=self._keystone.url,
                password=PASSWORD,
                project=SERVICE_PROJECT,
                key=base64.b64encode(os.urandom(32)).decode(),
            )
        )
        paste = keystone.venv() / 'etc/barbican/barbican-api-paste.ini'
        (self.base / 'barbican_app.py').write_text(
            _APPLICATION.format(paste=paste)
        )
