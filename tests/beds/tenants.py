# SPDX-License-Identifier: Apache-2.0
"""Coriolis as processes behind a real Keystone and a real Barbican, with a
user for each persona in two projects."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from keystoneauth1 import session as sessions
from keystoneauth1.identity import v3

from coriolis_ng.client import Client
from tests.beds import barbican, coriolis, keystone
from tests.beds.mariadb import MariaDB
from tests.beds.rabbitmq import RabbitMQ

SERVICE_PASSWORD = 'throw-away-coriolis'
# Each role is given alone; Keystone implies those below it.
PERSONAS = ('reader', 'member', 'manager', 'admin', 'service')
PROJECTS = ('ours', 'theirs')
# Harmless, and in the environment of all processes: who looks for secrets
# there can show that he would find one.
ENVIRONMENT = 'CORIOLIS_TEST_MARK'


class Tenants(coriolis.Processes):
    """``ours`` is the project of ``url``; ``theirs`` is another one."""

    # One of each is enough here, and leaves the machine to other servers.
    NAMES = ('conductor-1', 'worker-1', 'api')

    def __init__(
        self,
        folder: pathlib.Path,
        broker: RabbitMQ,
        rows: MariaDB,
        identity: keystone.Keystone,
        secrets: barbican.Barbican,
        more: str = '',
    ) -> None:
        super().__init__(folder, broker, rows)
        self.broker = broker
        self.rows = rows
        self.identity = identity
        self.secrets = secrets
        self.projects: dict[str, str] = {}
        self.users: dict[str, str] = {}
        self.root = self.url.rsplit('/', 1)[0]
        self._people()
        self.url = f'{self.root}/{self.projects["ours"]}'
        text = self._common.read_text()
        # Keystone and Barbican are asked within some of the calls.
        text = text.replace('conductor_seconds = 5', 'conductor_seconds = 60')
        begin = text.index('[auth]')
        end = text.index('[api]')
        self._common.write_text(
            f'{text[:begin]}[auth]\ndriver = keystone\n'
            '[keystone_authtoken]\n'
            'auth_type = password\n'
            f'auth_url = {identity.url}\n'
            f'www_authenticate_uri = {identity.url}\n'
            'username = coriolis\n'
            f'password = {SERVICE_PASSWORD}\n'
            f'project_name = {barbican.SERVICE_PROJECT}\n'
            'user_domain_id = default\n'
            'project_domain_id = default\n'
            f'{more}\n{text[end:]}'
        )

    @property
    def configuration(self) -> pathlib.Path:
        """The file that all of its processes read."""
        return self._common

    @property  # type: ignore[override]
    def token(self) -> str:
        """Of our administrator; asked for anew when it is about to end."""
        return str(self.session('admin').get_token())

    @token.setter
    def token(self, value: str) -> None:
        """A local token is of no use here."""

    def session(self, persona: str, project: str = 'ours') -> sessions.Session:
        """Speaks as a persona, with a token of its own by password."""
        plugin = v3.Password(
            auth_url=self.identity.url,
            user_id=self.users[f'{persona}-{project}'],
            password=password(persona, project),
            project_id=self.projects[project],
        )
        return sessions.Session(auth=plugin)

    def client_of(self, persona: str, project: str = 'ours') -> Client:
        """Finds the service in the catalog, as users do."""
        return Client(self.session(persona, project), region_name='RegionOne')

    def register(self) -> None:
        """As ``coriolis-manage catalog register`` would."""
        self.identity.service(
            'migration', 'coriolis', f'{self.root}/%(project_id)s'
        )

    def _people(self) -> None:
        ask = self.identity.call
        found = ask('GET', f'/projects?name={barbican.SERVICE_PROJECT}')
        service = found['projects'][0]['id']
        self.users['coriolis'] = self.identity.user(
            'coriolis', SERVICE_PASSWORD, service, ['service']
        )
        for project in PROJECTS:
            self.projects[project] = self.identity.project(project)
            for persona in PERSONAS:
                self.users[f'{persona}-{project}'] = self.identity.user(
                    f'{persona}-{project}',
                    password(persona, project),
                    self.projects[project],
                    [persona],
                )


def password(persona: str, project: str) -> str:
    """Of the user ``persona-project``."""
    return f'throw-away-{persona}-{project}'


@contextlib.contextmanager
def tenants(folder: pathlib.Path, more: str = '') -> Iterator[Tenants]:
    """All servers, ended in the end; ``more`` is configuration."""
    with (
        RabbitMQ() as broker,
        MariaDB() as rows,
        keystone.Keystone() as identity,
        barbican.Barbican(identity) as secrets,
    ):
        os.environ[ENVIRONMENT] = 'zq-harmless-environ'
        service: Any = Tenants(folder, broker, rows, identity, secrets, more)
        try:
            service.start_all()
            yield service
        finally:
            service.close()
            del os.environ[ENVIRONMENT]
