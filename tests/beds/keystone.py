# SPDX-License-Identifier: Apache-2.0
"""A real Keystone on SQLite and loopback, up in seconds.

It and Barbican are installed into a virtual environment of their own in the
cache: the product does not need them.
"""

from __future__ import annotations

import copy
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import requests
from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3

from tests.beds import cache, process

# What the beds were tried with; a newer one is a change of this line.
PACKAGES = ('keystone==30.0.0', 'barbican==23.0.0', 'gunicorn==27.0.1')
PASSWORD = 'throw-away-admin'
REGION = 'RegionOne'

_APPLICATION = """\
import sys
sys.argv = ['keystone', '--config-file', {config!r}]
from keystone.wsgi.api import application
"""
_CONFIG = """\
[DEFAULT]
log_file = {base}/keystone.log
debug = false
[database]
connection = sqlite:///{base}/keystone.sqlite
[fernet_tokens]
key_repository = {base}/fernet
[credential]
key_repository = {base}/credential
[token]
expiration = {seconds}
allow_expired_window = 0
[cache]
enabled = false
[identity]
# The least: nobody guesses these, and machines may be busy.
password_hash_rounds = 4
"""


def venv() -> pathlib.Path:
    """The folder of the programs, made when it is not in the cache."""
    key = cache.key_of(sys.version, *PACKAGES)
    folder = cache.root() / f'identity-{key}'
    with cache.lock('identity'):
        if not (folder / 'ready').exists():
            # Scripts name their interpreter by its path, so it is made in
            # its place; the mark says that it is whole.
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, '-m', 'venv', folder], folder)
            _run(
                [folder / 'bin/pip', 'install', '-q']
                + ['--disable-pip-version-check', *PACKAGES],
                folder,
            )
            (folder / 'ready').touch()
            cache.forget_others('identity', folder)
    return folder


class Keystone:
    """Use it with ``with``; ``url`` ends with ``/v3``.

    ``token_seconds`` is how long tokens live.
    """

    def __init__(self, token_seconds: int = 3600) -> None:
        self.base = pathlib.Path(tempfile.mkdtemp(prefix='cng-keystone-'))
        self.port = process.free_port()
        self.url = f'http://127.0.0.1:{self.port}/v3'
        self._seconds = token_seconds
        self._server: process.Server | None = None
        self._admin: sessions.Session | None = None
        self._roles: dict[str, str] = {}

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
        self._server = serve(self.base, 'keystone_app', self.port)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    def session(
        self, user: str = 'admin', password: str = PASSWORD, project: str = ''
    ) -> sessions.Session:
        """Speaks as a user of the default domain."""
        plugin = v3.Password(
            auth_url=self.url,
            username=user,
            password=password,
            project_name=project or 'admin',
            user_domain_id='default',
            project_domain_id='default',
        )
        return sessions.Session(auth=plugin)

    def call(self, verb: str, path: str, body: Any = None) -> Any:
        """What the administrator asks; the answer's JSON."""
        self._admin = self._admin or self.session()
        answer = self._admin.request(
            self.url + path,
            verb,
            json=body,
            headers={'Accept': 'application/json'},
        )
        return answer.json() if answer.content else None

    def short_token(self, session: sessions.Session, seconds: int = 1) -> str:
        """A token that has expired already: of a second server on the same
        rows and keys, whose tokens live for so long."""
        config = self.base / 'keystone.conf'
        short = self.base / 'short.conf'
        short.write_text(
            config.read_text().replace(
                f'expiration = {self._seconds}', f'expiration = {seconds}'
            )
        )
        (self.base / 'short_app.py').write_text(
            _APPLICATION.format(config=str(short))
        )
        port = process.free_port()
        server = serve(self.base, 'short_app', port)
        try:
            plugin: Any = copy.copy(session.auth)
            plugin.auth_url = f'http://127.0.0.1:{port}/v3'
            plugin.auth_ref = None
            token = str(sessions.Session(auth=plugin).get_token())
        finally:
            server.stop()
        time.sleep(seconds + 1)
        return token

    def project(self, name: str) -> str:
        """A new project of the default domain; its id."""
        given = {'project': {'name': name, 'domain_id': 'default'}}
        return str(self.call('POST', '/projects', given)['project']['id'])

    def user(
        self, name: str, password: str, project_id: str, roles: Sequence[str]
    ) -> str:
        """A new user with roles in a project; the user's id."""
        given = {
            'user': {
                'name': name,
                'password': password,
                'domain_id': 'default',
            }
        }
        id = str(self.call('POST', '/users', given)['user']['id'])
        for role in roles:
            self.grant(id, project_id, role)
        return id

    def grant(
        self, user_id: str, project_id: str, role: str, verb: str = 'PUT'
    ) -> None:
        """Gives a role, or takes it with DELETE."""
        self.call(
            verb,
            f'/projects/{project_id}/users/{user_id}/roles/{self.role(role)}',
        )

    def role(self, name: str) -> str:
        """The id of a role, made if there is none."""
        if name not in self._roles:
            for one in self.call('GET', '/roles')['roles']:
                self._roles[one['name']] = one['id']
        if name not in self._roles:
            made = self.call('POST', '/roles', {'role': {'name': name}})
            self._roles[name] = made['role']['id']
        return self._roles[name]

    def service(self, kind: str, name: str, url: str) -> None:
        """An entry of the catalog with the same URL everywhere."""
        given = {'service': {'type': kind, 'name': name}}
        id = self.call('POST', '/services', given)['service']['id']
        for interface in ('public', 'internal', 'admin'):
            one = {
                'service_id': id,
                'interface': interface,
                'url': url,
                'region_id': REGION,
            }
            self.call('POST', '/endpoints', {'endpoint': one})

    def _prepare(self) -> None:
        config = self.base / 'keystone.conf'
        config.write_text(
            _CONFIG.format(base=self.base, seconds=self._seconds)
        )
        (self.base / 'keystone_app.py').write_text(
            _APPLICATION.format(config=str(config))
        )
        program = venv() / 'bin/keystone-manage'
        keys = ['--keystone-user', 'root', '--keystone-group', 'root']
        url = f'{self.url}/'
        for words in (
            ['db_sync'],
            ['fernet_setup', *keys],
            ['credential_setup', *keys],
            ['bootstrap', '--bootstrap-password', PASSWORD]
            + ['--bootstrap-region-id', REGION]
            + ['--bootstrap-public-url', url]
            + ['--bootstrap-internal-url', url]
            + ['--bootstrap-admin-url', url],
        ):
            _run([program, '--config-file', config, *words], self.base)


def serve(
    base: pathlib.Path, module: str, port: int, env: Any = None
) -> process.Server:
    """``module:application`` of the folder under gunicorn."""
    server = process.Server(
        [
            venv() / 'bin/gunicorn',
            *('--bind', f'127.0.0.1:{port}'),
            *('--workers', '1', '--threads', '4'),
            *('--chdir', str(base), '--pythonpath', str(base)),
            *('--worker-tmp-dir', str(base), '--no-control-socket'),
            f'{module}:application',
        ],
        base / f'{module}.out.log',
        env=env,
    )
    server.wait_until(lambda: _answers(port), 60, module)
    return server


def _answers(port: int) -> bool:
    """The port is open long before the application is loaded."""
    try:
        requests.get(f'http://127.0.0.1:{port}/', timeout=20)
    except requests.RequestException:
        return False
    return True


def _run(argv: Sequence[object], base: pathlib.Path) -> None:
    done = subprocess.run(
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors='replace')[-2000:]
        raise RuntimeError(f'{argv[0]} for {base}:\n{said}')


if __name__ == '__main__':
    begun = time.monotonic()
    print(venv(), f'{time.monotonic() - begun:.0f} s')
