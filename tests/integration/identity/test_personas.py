# SPDX-License-Identifier: Apache-2.0
"""Every route with every persona, from a foreign project, without a token
and with one that has expired; tokens are Keystone's.

What is expected is in ``personas.txt``; a route without a line there fails.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from coriolis_ng.api import openapi
from coriolis_ng.api.method import PROJECT, TABLE, Route
from coriolis_ng.db import models
from coriolis_ng.db.session import Database
from coriolis_ng.objects.resource import ResourceKind, Side
from tests.beds import memory
from tests.beds import tenants as beds
from tests.beds.bodies import body_of

FILE = pathlib.Path(__file__).with_name('personas.txt')
ABOVE = {
    'reader': ('reader', 'member', 'manager', 'admin'),
    'member': ('member', 'manager', 'admin'),
    'manager': ('manager', 'admin'),
    'admin': ('admin',),
    'operators': ('admin', 'service'),
    'public': beds.PERSONAS,
}
MARK = 'zq-theirs-zq'  # in everything that the other project has

openapi.document()  # collects the routes


def label(route: Route) -> str:
    return f'{route.verb} {route.path} {route.action or ""}'.strip()


def expected() -> dict[str, str]:
    found = {}
    for line in FILE.read_text().splitlines():
        if line and not line.startswith('#'):
            who, route = line.split(None, 1)
            found[route] = who
    return found


ROUTES = {label(route): route for route in TABLE}


class Caller:
    """Asks as somebody; never waits for the end of a stream."""

    def __init__(self, tenants: beds.Tenants, token: str) -> None:
        self._root = tenants.root.removesuffix('/v1')
        self._token = token

    def ask(
        self,
        route: Route,
        project: str,
        ids: dict[str, str],
        *,
        good: bool = False,
    ) -> tuple[int, str]:
        """Status, and the beginning of the body; ``good`` sends a body that
        the route takes, made of the ids."""
        path = route.path.replace('{project_id}', project)
        path = re.sub(r'\{(\w+)\}', lambda m: ids.get(m[1], 'none'), path)
        body: Any = None
        if route.verb in {'POST', 'PUT', 'PATCH'}:
            body = {route.action: None} if route.action else {}
        if good:
            body = body_of(route, ids)
        headers = {'X-Auth-Token': self._token} if self._token else {}
        with requests.request(
            route.verb,
            self._root + path,
            json=body,
            headers=headers,
            timeout=60,
            stream=True,
        ) as answer:
            kind = answer.headers.get('Content-Type', '')
            text = '' if 'event-stream' in kind else answer.text
            return answer.status_code, text


@pytest.fixture(scope='module')
def callers(tenants: beds.Tenants) -> dict[str, Caller]:
    return {
        persona: Caller(tenants, str(tenants.session(persona).get_token()))
        for persona in beds.PERSONAS
    }


@pytest.fixture(scope='module')
def theirs(
    tenants: beds.Tenants, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Ids of real things of the other project, by their place in URLs."""
    folder = tmp_path_factory.mktemp('theirs')
    client = tenants.client_of('admin', 'theirs')
    with (
        memory.started(folder, 'source') as source,
        memory.started(folder, 'destination') as destination,
    ):
        source.make_machine(MARK, 1 << 20)
        ends = [
            client.endpoints.create(
                name=f'{MARK} {name}',
                type='memory',
                connection_info=cloud.connection_info,
            )['id']
            for name, cloud in (('a', source), ('b', destination))
        ]
        transfer = client.transfers.create(
            origin_endpoint_id=ends[0],
            destination_endpoint_id=ends[1],
            instances=[MARK],
            scenario='replica',
            skip_os_morphing=True,
            notes=MARK,
        )['id']
        execution = client.executions.of(transfer).create()['id']
        for _ in range(600):
            found = client.executions.of(transfer).get(execution)
            if found['status'] not in ('PENDING', 'RUNNING'):
                break
            requests.get(f'{tenants.root}', timeout=30)
        assert found['status'] == 'COMPLETED', found
        [point] = client.recovery_points.of(transfer)
        deployment = client.deployments.create(transfer_id=transfer)['id']
        schedule = client.schedules.of(transfer).create(
            schedule={'hour': 3}, enabled=False
        )['id']
        pool = client.minion_pools.create(
            name=f'{MARK} pool',
            endpoint_id=ends[1],
            os_type='linux',
            platform='destination',
            environment_options={},
            skip_allocation=True,
        )['id']
        yield {
            'schedule_id': schedule,
            'minion_pool_id': pool,
            'stray_id': _stray(tenants, execution, ends[1]),
            'endpoint_id': ends[0],
            'destination_id': ends[1],
            'transfer_id': transfer,
            'replica_id': transfer,
            'execution_id': execution,
            'recovery_point_id': point['id'],
            'point_id': point['id'],
            'deployment_id': deployment,
            'migration_id': deployment,
            'instance': 'eg',
        }


def _stray(tenants: beds.Tenants, execution: str, endpoint: str) -> str:
    """The id of one that its execution seems to have left behind."""
    database = Database(tenants.database_url)
    try:
        with database.writer() as session:
            [task, *_] = session.scalars(
                sa.select(models.Task).where(
                    models.Task.execution_id == execution
                )
            )
            row = models.Ledger(
                id=MARK,
                kind=ResourceKind.VOLUME,
                side=Side.TARGET,
                tag=f'coriolis:{MARK}',
                attempt=task.attempt,
                parent='',
                endpoint_id=endpoint,
                execution_id=execution,
                task_id=task.id,
                instance=MARK,
                project_id=tenants.projects['theirs'],
            )
            session.add(row)
            session.flush()
            return str(row.number)
    finally:
        database.close()


def test_every_route_has_a_line_and_every_line_a_route() -> None:
    assert set(expected()) == set(ROUTES)


def test_the_words_are_known() -> None:
    assert set(expected().values()) <= set(ABOVE)


@pytest.mark.parametrize('name', ROUTES)
def test_personas(
    tenants: beds.Tenants, callers: dict[str, Caller], name: str
) -> None:
    allowed = ABOVE[expected()[name]]
    for persona, caller in callers.items():
        status, text = caller.ask(ROUTES[name], tenants.projects['ours'], {})
        assert status < 500, (persona, text)
        assert status != 401, (persona, text)
        assert (status != 403) is (persona in allowed), (persona, text)


@pytest.mark.parametrize('name', ROUTES)
def test_a_foreign_project(
    tenants: beds.Tenants,
    callers: dict[str, Caller],
    theirs: dict[str, str],
    name: str,
) -> None:
    route = ROUTES[name]
    if not route.path.startswith(PROJECT):
        return
    in_url = set(re.findall(r'\{(\w+)\}', route.path)) & set(theirs)
    for persona, caller in callers.items():
        # The URL of the other project: clients know this answer as a 400.
        status, text = caller.ask(route, tenants.projects['theirs'], theirs)
        assert status == 400, (persona, text)
        assert 'Malformed request url' in text
        # Our URL, their ids.
        status, text = caller.ask(route, tenants.projects['ours'], theirs)
        assert MARK not in text, persona
        assert theirs['transfer_id'] not in _besides(text, theirs), persona
        if in_url:
            # 400: the body was looked at first.
            bodies = route.verb in {'POST', 'PUT', 'PATCH'}
            fine = {400, 403, 404} if bodies else {403, 404}
            assert status in fine, (persona, text)
        # And with a body that nothing can be said against.
        if body_of(route, theirs):
            status, text = caller.ask(
                route, tenants.projects['ours'], theirs, good=True
            )
            fine = {404} if in_url else {400, 404}
            allowed = persona in ABOVE[expected()[name]]
            assert status in (fine if allowed else {403}), (persona, text)
            assert MARK not in text, persona


def _besides(text: str, ids: dict[str, str]) -> str:
    """Without what a refusal repeats of the URL."""
    for id in ids.values():
        text = re.sub(f'\'{id}\'|{id} |"{id}"', '', text)
    return text if '"error"' not in text else ''


def test_what_is_theirs_is_as_it_was(
    tenants: beds.Tenants, theirs: dict[str, str]
) -> None:
    client = tenants.client_of('reader', 'theirs')
    assert client.transfers.get(theirs['transfer_id'])['notes'] == MARK
    assert MARK in client.endpoints.get(theirs['endpoint_id'])['name']
    assert client.deployments.get(theirs['deployment_id'])
    [point] = client.recovery_points.of(theirs['transfer_id'])
    assert point['pinned'] is False
    schedules = client.schedules.of(theirs['transfer_id'])
    assert schedules.get(theirs['schedule_id'])['schedule'] == {'hour': 3}
    pool = client.minion_pools.get(theirs['minion_pool_id'])
    assert (pool['name'], pool['status']) == (f'{MARK} pool', 'DEALLOCATED')
    assert client.strays.get(theirs['stray_id'])['resource_id'] == MARK


@pytest.fixture(scope='module')
def strangers(tenants: beds.Tenants) -> dict[str, Caller]:
    expired = tenants.identity.short_token(tenants.session('admin'))
    return {
        'nobody': Caller(tenants, ''),
        'guess': Caller(tenants, 'gAAAAAB-a-guess'),
        'expired': Caller(tenants, expired),
    }


@pytest.mark.parametrize('name', ROUTES)
def test_without_a_good_token(
    tenants: beds.Tenants, strangers: dict[str, Caller], name: str
) -> None:
    public = expected()[name] == 'public'
    for who, caller in strangers.items():
        status, text = caller.ask(ROUTES[name], tenants.projects['ours'], {})
        assert (status == 401) is not public, (who, text)


def test_a_token_that_was_revoked(tenants: beds.Tenants) -> None:
    session = tenants.session('reader')
    token = str(session.get_token())
    url = f'{tenants.identity.url}/auth/tokens'
    session.request(url, 'DELETE', headers={'X-Subject-Token': token})
    route = ROUTES[f'GET {PROJECT}/transfers']
    status, _ = Caller(tenants, token).ask(route, tenants.projects['ours'], {})
    assert status == 401


def test_a_project_token_of_nobody_in_it(tenants: beds.Tenants) -> None:
    """No role in the project, no token: Keystone says so, not we."""
    plugin: Any = tenants.session('reader').auth
    plugin.project_id = tenants.projects['theirs']
    from keystoneauth1 import exceptions
    from keystoneauth1 import session as sessions

    with pytest.raises(exceptions.Unauthorized):
        sessions.Session(auth=plugin).get_token()
