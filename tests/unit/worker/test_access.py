# SPDX-License-Identifier: Apache-2.0
"""How a child gets at a cloud, by where its information lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.trust import Grant
from coriolis_ng.secrets import references
from coriolis_ng.worker import access

SCHEMA = {
    'type': 'object',
    'properties': {'region': {'type': 'string'}},
    'additionalProperties': False,
}
GRANT = Grant(token='t1', project_id='p', auth_url='https://k/v3')


class Plain:
    """A kind of cloud; its connections are what they were made of."""

    name = 'plain'
    capabilities: tuple[str, ...] = ()
    connection_schema = SCHEMA
    source_schema: Mapping[str, Any] = {}
    target_schema: Mapping[str, Any] = {}

    def connect(self, info: Mapping[str, Any]) -> Any:
        return ('connected', dict(info))


class Trusting(Plain):
    """One that works with tokens too."""

    capabilities = ('trust',)

    def connect_trusted(
        self, info: Mapping[str, Any], grant: Callable[[], Grant]
    ) -> Any:
        return ('trusted', dict(info), grant)


def connect(provider: Any, secret: str, clear: bytes = b'{}') -> Any:
    asked: list[str] = []

    def read(ref: str) -> bytes:
        asked.append(ref)
        return clear

    made = access.connect(
        provider,
        secret,
        clear=read,
        grant=lambda: GRANT,
        learn=lambda payload: None,
    )
    assert asked == ['r1']
    return made


def test_the_built_in_store() -> None:
    made = connect(Plain(), 'r1', b'{"region": "x"}')
    assert made == ('connected', {'region': 'x'})


def test_what_is_stored_is_checked() -> None:
    with pytest.raises(errors.InvalidInput):
        connect(Plain(), 'r1', b'{"password": 7}')
    with pytest.raises(errors.CorruptData):
        connect(Plain(), 'r1', b'no json')


def test_a_token_in_the_place_of_credentials() -> None:
    made = connect(Trusting(), references.trusted('r1'), b'{"region": "x"}')
    assert made[:2] == ('trusted', {'region': 'x'})
    # Whoever works for hours asks again.
    assert made[2]() == GRANT


def test_a_cloud_that_wants_credentials_gets_no_token() -> None:
    with pytest.raises(errors.Unsupported):
        connect(Plain(), references.trusted('r1'))


def test_a_question_brings_its_token_along() -> None:
    payload = msgspec.json.encode(
        {'grant': to_plain(GRANT), 'info': {'region': 'y'}}
    )
    made: Any = access.connect_with(
        Trusting(), references.trusted('r1'), payload, lambda _: None
    )
    assert made[1] == {'region': 'y'}
    assert made[2]() == GRANT


def test_a_reference_that_leads_elsewhere_is_not_followed() -> None:
    def never(ref: str) -> bytes:
        raise AssertionError(ref)

    with pytest.raises(errors.InvalidInput) as told:
        access.connect(
            Plain(),
            'https://evil.example.net/v1/secrets/x',
            clear=never,
            grant=lambda: GRANT,
            learn=lambda payload: None,
        )
    assert told.value.field == references.FIELD
