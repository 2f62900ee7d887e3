# SPDX-License-Identifier: Apache-2.0
"""Every route with every persona and from a foreign project."""

from __future__ import annotations

import re

import pytest

from coriolis_ng import policies
from coriolis_ng.api import openapi
from coriolis_ng.api.method import TABLE, Route
from coriolis_ng.policies import base
from tests.unit.api.conftest import PERSONAS, PROJECT, World

openapi.document()  # collects the routes

PROTECTED = [route for route in TABLE if route.rule is not None]

# Who may, lowest first; a persona above may as well.
READER = ['reader', 'member', 'manager', 'admin']
MEMBER = READER[1:]
MANAGER = READER[2:]
ADMIN = READER[3:]
OPERATORS = ['admin', 'service']

MAY = {
    'endpoints:list': READER,
    'endpoints:show': READER,
    'endpoints:create': MEMBER,
    'endpoints:update': MEMBER,
    'endpoints:delete': MEMBER,
    'endpoints:validate': MEMBER,
    'endpoints:browse': READER,
    'transfers:list': READER,
    'transfers:show': READER,
    'transfers:create': MEMBER,
    'transfers:update': MEMBER,
    'transfers:delete': MEMBER,
    'transfers:delete_disks': MANAGER,
    'transfers:preflight': MEMBER,
    'transfers:plan': MEMBER,
    'executions:list': READER,
    'executions:show': READER,
    'executions:create': MEMBER,
    'executions:delete': MEMBER,
    'executions:cancel': MEMBER,
    'executions:force_cancel': MEMBER,
    'deployments:list': READER,
    'deployments:show': READER,
    'deployments:create': MEMBER,
    'deployments:plan': MEMBER,
    'deployments:delete': MEMBER,
    'deployments:cancel': MEMBER,
    'deployments:force_cancel': MEMBER,
    'recovery_points:list': READER,
    'recovery_points:show': READER,
    'recovery_points:delete': MANAGER,
    'recovery_points:pin': MEMBER,
    'migrations:list': READER,
    'migrations:show': READER,
    'migrations:create': MEMBER,
    'migrations:delete': MEMBER,
    'migrations:cancel': MEMBER,
    'providers:list': READER,
    'providers:schemas': READER,
    'services:list': OPERATORS,
    'services:show': OPERATORS,
    'services:update': ADMIN,
    'services:create': ADMIN,
    'services:delete': ADMIN,
    'regions:list': READER,
    'regions:show': READER,
    'regions:create': ADMIN,
    'regions:update': ADMIN,
    'regions:delete': ADMIN,
    'schedules:list': READER,
    'schedules:show': READER,
    'schedules:create': MEMBER,
    'schedules:update': MEMBER,
    'schedules:delete': MEMBER,
    'minion_pools:list': READER,
    'minion_pools:show': READER,
    'minion_pools:create': MANAGER,
    'minion_pools:update': MANAGER,
    'minion_pools:delete': MANAGER,
    'minion_pools:allocate': MANAGER,
    'minion_pools:refresh': MANAGER,
    'minion_pools:deallocate': MANAGER,
    'diagnostics:get': ADMIN,
    'events:list': READER,
    'quotas:list': READER,
    'quotas:show': ADMIN,
    'quotas:update': ADMIN,
    'strays:list': READER,
    'strays:show': READER,
    'strays:delete': MANAGER,
}


def label(route: Route) -> str:
    return f'{route.verb} {route.path} {route.action or ""}'.strip()


def url(route: Route) -> str:
    """Below the project, with ids that do not exist."""
    return re.sub(r'\{\w+\}', 'none', route.path.split('}', 1)[1])


def body(route: Route) -> object:
    if route.verb not in {'POST', 'PUT'}:
        return None
    return {route.action: None} if route.action else {}


def test_every_rule_is_in_the_table_and_used() -> None:
    names = {rule.name for rule in policies.list_rules()}
    assert names - {rule.name for rule in base.RULES} == set(MAY)
    asked_by_body = {'executions:force_cancel', 'deployments:force_cancel'}
    used = {route.rule for route in PROTECTED}
    assert used | asked_by_body == set(MAY)


def test_every_documented_operation_is_a_route() -> None:
    there = {(r.verb, re.sub(r'\{\w+\}', '{}', r.path)) for r in TABLE}
    for rule in policies.list_rules():
        for operation in getattr(rule, 'operations', ()):
            path = re.sub(r'\{\w+\}', '{}', operation['path'])
            assert (operation['method'], path) in there, rule.name


@pytest.mark.parametrize('route', PROTECTED, ids=label)
def test_route(world: World, route: Route) -> None:
    for persona in PERSONAS:
        answer = world.client(persona).call(
            route.verb, url(route), body(route)
        )
        allowed = persona in MAY[str(route.rule)]
        # 400 and 404 come after the rule: the ids and bodies are no good.
        expected = {200, 204, 400, 404} if allowed else {403}
        assert answer.status_int in expected, (persona, answer.text)


@pytest.mark.parametrize('route', PROTECTED, ids=label)
def test_route_without_a_token(world: World, route: Route) -> None:
    client = world.client()
    client._headers = {}
    client.call(route.verb, url(route), body(route), status=401)


@pytest.mark.parametrize('route', PROTECTED, ids=label)
def test_route_of_a_foreign_project(world: World, route: Route) -> None:
    client = world.client('admin', 'p2')
    client._base = f'/v1/{PROJECT}'
    answer = client.call(route.verb, url(route), body(route), status=400)
    assert answer.json['error']['message'] == 'Malformed request url'
