# SPDX-License-Identifier: Apache-2.0
"""What the API sends that only conductors may read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coriolis_ng import errors
from coriolis_ng.rpc import sealing
from coriolis_ng.secrets import seal

KEY = seal.Key.derived(b'a' * 32)
OTHER = seal.Key.derived(b'b' * 32)
CONTEXT = {'project_id': 'p', 'token': 'gAAAA-the-token'}
ARGS: dict[str, Any] = {
    'id': 'e1',
    'spec': {
        'name': 'n',
        'connection_info': {'password': 'hunter2'},
        'user_scripts': {'by_os': {'linux': [{'payload': 'echo hunter3'}]}},
        'deep': {'er': {'connection_info': {'password': 'hunter4'}}},
        'empty': {'connection_info': {}},
    },
}


def sealer(*, tokens: bool = True, key: seal.Key = KEY) -> sealing.Sealer:
    return sealing.Sealer(seal.seal, lambda: key.public, tokens=tokens)


def test_nothing_is_readable_on_the_way_and_all_is_there_after() -> None:
    sent = sealer().close(CONTEXT, ARGS)
    text = json.dumps(sent)
    assert 'hunter' not in text
    assert 'gAAAA' not in text
    assert '"name": "n"' in text
    assert sealing.unsealed(KEY.open, *sent) == (CONTEXT, ARGS)


def test_a_token_that_is_of_no_use_is_left_out() -> None:
    sent, _ = sealer(tokens=False).close(CONTEXT, {})
    assert sent == {'project_id': 'p'}


def test_another_key_opens_nothing() -> None:
    sent = sealer(key=OTHER).close(CONTEXT, ARGS)
    with pytest.raises(errors.CorruptData):
        sealing.unsealed(KEY.open, *sent)


def test_the_key_is_asked_for_once_and_again_when_it_changed() -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append('x')
        return KEY.public

    one = sealing.Sealer(seal.seal, ask, tokens=True)
    one.close({}, {'name': 'n'})
    assert asked == []
    one.close(CONTEXT, ARGS)
    one.close(CONTEXT, ARGS)
    assert len(asked) == 1
    one.forget()
    one.close(CONTEXT, ARGS)
    assert len(asked) == 2


def test_an_envelope_inside_a_secret_stays_closed() -> None:
    inside = {'connection_info': {sealing.MARK: 'what a user wrote'}}
    sent = sealer().close({}, inside)
    assert sealing.unsealed(KEY.open, *sent)[1] == inside
