# SPDX-License-Identifier: Apache-2.0
"""The API over a fresh SQLite database and a scripted conductor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import webtest

from coriolis_ng import auth
from coriolis_ng.api import openapi
from coriolis_ng.api.feed import FeedSettings
from coriolis_ng.db import api as rows
from coriolis_ng.db import models
from coriolis_ng.db.session import Database
from coriolis_ng.objects.service import Facts, ProviderInfo
from coriolis_ng.rpc.wire import Beat
from coriolis_ng.wsgi.api import make_application
from tests.unit.api.checker import Checker
from tests.unit.api.scripted import Conductor

PROJECT = 'p1'
PERSONAS = {
    'reader': ('reader',),
    'member': ('member',),
    'manager': ('manager',),
    'admin': ('admin',),
    'service': ('service',),
    'nobody': ('unrelated',),
}
CONNECTION = {
    'type': 'object',
    'properties': {
        'host': {'type': 'string'},
        'password': {'type': 'string', 'maxLength': 20},
    },
    'required': ['host'],
    'additionalProperties': False,
}
ENVIRONMENT = {
    'type': 'object',
    'properties': {'pool': {'type': 'string'}},
    'additionalProperties': False,
}


class World:
    """An application and all that stands round it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.conductor = Conductor(database)
        self.tokens = {}
        kept = []
        for project in (PROJECT, 'p2'):
            for name, roles in PERSONAS.items():
                token, one = auth.issue(project, f'u-{name}', roles)
                self.tokens[project, name] = token
                kept.append(one)
        self.plain = make_application(
            database,
            self.conductor,
            auth=auth.LocalAuth(tokens=kept),
            # Nobody writes but this process: nothing has to be waited for.
            feed=FeedSettings(grace_seconds=0, look_seconds=0),
        )
        self.checker = Checker(self.plain, openapi.document())

    def client(self, persona: str = 'admin', project: str = PROJECT) -> Client:
        """Speaks as a persona; URLs are below the project."""
        return Client(self.checker, self.tokens[project, persona], project)

    def beat(
        self,
        host: str = 'w1',
        *names: str,
        facts: Facts | None = None,
        again: bool = False,
    ) -> str:
        """Lets a worker be alive; the id of its row. ``again``: it has said
        what it offers."""
        providers = tuple(
            ProviderInfo(
                name=name,
                capabilities=('exports', 'imports', 'inventory', 'pools'),
                schemas={
                    'connection': CONNECTION,
                    'source': ENVIRONMENT,
                    'destination': ENVIRONMENT,
                    'source_pool': ENVIRONMENT,
                    'destination_pool': ENVIRONMENT,
                },
            )
            for name in names or ('memory',)
        )
        said = Beat(
            host=host,
            incarnation='i1',
            release='1.0.0',
            capacity=8,
            seal_key='k',
            providers=None if again else providers,
            facts=facts,
        )
        return self.database.write(lambda s: rows.services.beat(s, said)).id


class Client:
    """webtest with a token and a project."""

    def __init__(self, application: Any, token: str, project: str) -> None:
        self._app = webtest.TestApp(application)
        self._base = f'/v1/{project}'
        self._headers = {'X-Auth-Token': token}

    def call(
        self, verb: str, path: str, body: Any = None, status: Any = None
    ) -> webtest.TestResponse:
        """``body`` may be a value or the bytes themselves."""
        more: dict[str, Any] = {}
        if isinstance(body, bytes):
            more = {'params': body, 'content_type': 'application/json'}
        elif body is not None:
            more = {'params': webtest.app.json.dumps(body)}
            more['content_type'] = 'application/json'
        if verb == 'GET':
            more = {}
        send = getattr(self._app, verb.lower())
        return send(
            self._base + path,
            headers=self._headers,
            expect_errors=status is None,
            status=status or '*',
            **more,
        )

    def get(self, path: str, status: Any = 200) -> Any:
        return self.call('GET', path, status=status).json

    def post(self, path: str, body: Any, status: Any = 200) -> Any:
        answer = self.call('POST', path, body, status=status)
        return answer.json if answer.body else None

    def put(self, path: str, body: Any, status: Any = 200) -> Any:
        return self.call('PUT', path, body, status=status).json

    def delete(self, path: str, status: Any = 204) -> Any:
        answer = self.call('DELETE', path, status=status)
        return answer.json if answer.body else None


class Made:
    """A project's usual things, made through the API."""

    def __init__(self, client: Client) -> None:
        self.origin = client.post('/endpoints', endpoint('src'))['endpoint']
        self.destination = client.post('/endpoints', endpoint('dst'))[
            'endpoint'
        ]
        self.transfer = client.post(
            '/transfers',
            {
                'transfer': {
                    'origin_endpoint_id': self.origin['id'],
                    'destination_endpoint_id': self.destination['id'],
                    'instances': ['vm1'],
                }
            },
        )['transfer']


def endpoint(name: str, /, **more: Any) -> dict[str, Any]:
    """A body that makes an endpoint."""
    return {
        'endpoint': {
            'name': name,
            'type': 'memory',
            'connection_info': {'host': 'h', 'password': 'hunter2-secret'},
            **more,
        }
    }


@pytest.fixture(scope='session')
def opened(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Database]:
    """One engine for all tests: each new one compiles its SQL anew, which
    took longer than the tests themselves."""
    path = tmp_path_factory.mktemp('rows') / 'api.sqlite'
    made = Database(f'sqlite:///{path}')
    models.Base.metadata.create_all(made.engine)
    yield made
    made.close()


@pytest.fixture
def database(opened: Database) -> Database:
    """Without any rows."""
    with opened.writer() as session:
        for table in reversed(models.Base.metadata.sorted_tables):
            session.execute(table.delete())
    return opened


@pytest.fixture
def world(database: Database) -> World:
    made = World(database)
    made.beat()
    return made


@pytest.fixture
def client(world: World) -> Client:
    return world.client()


@pytest.fixture
def made(client: Client) -> Made:
    return Made(client)
