# SPDX-License-Identifier: Apache-2.0
"""Names: any script and any sign, but something to see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.conftest import Client, Made, endpoint
from tests.unit.api.test_minion_pools import body as pool_body

BLANK = [' ', '   ', '\u00a0', '\u2003 ', '', '\t', 'a\nb', 'a\x00']
GOOD = ['a', ' a', '0', '\u017elu\u0165 / cloud', '\u96f2', '-']


def bodies(made: Made, name: str) -> list[tuple[str, str, str, Any]]:
    """Verb, URL, noun and body of all that has a name of its own."""
    pool = pool_body(made)
    pool['minion_pool']['name'] = name
    return [
        ('POST', '/endpoints', 'endpoint', endpoint(name)),
        ('POST', '/regions', 'region', {'region': {'name': name}}),
        ('POST', '/minion_pools', 'minion_pool', pool),
        (
            'PUT',
            f'/endpoints/{made.origin["id"]}',
            'endpoint',
            {'endpoint': {'name': name}},
        ),
    ]


@pytest.mark.parametrize('name', BLANK)
def test_a_name_has_something_to_see(
    client: Client, made: Made, name: str
) -> None:
    region = client.post('/regions', {'region': {'name': 'r'}})['region']
    pool = client.post('/minion_pools', pool_body(made))['minion_pool']
    for verb, url, noun, body in (
        *bodies(made, name),
        (
            'PUT',
            f'/regions/{region["id"]}',
            'region',
            {'region': {'name': name}},
        ),
        (
            'PUT',
            f'/minion_pools/{pool["id"]}',
            'minion_pool',
            {'minion_pool': {'name': name}},
        ),
    ):
        error = client.call(verb, url, body, status=400).json['error']
        assert error['field'] == f'$.{noun}.name'
        assert 'regex' not in error['message']


@pytest.mark.parametrize('name', GOOD)
def test_all_else_is_a_name(client: Client, made: Made, name: str) -> None:
    for verb, url, noun, body in bodies(made, name):
        assert client.call(verb, url, body, status=200).json[noun]['name'] == (
            name
        )
