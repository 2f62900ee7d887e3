# SPDX-License-Identifier: Apache-2.0
"""Answers and errors across the bus."""

from __future__ import annotations

import json

import pytest

from coriolis_ng import errors
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.value import InvalidValue
from coriolis_ng.rpc import serializer
from coriolis_ng.rpc.wire import Hold, Orders

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.CoriolisError)
]


def over(plain: serializer.Plain) -> object:
    return serializer.unpack(json.loads(json.dumps(plain)))


def test_values_cross() -> None:
    orders = Orders(hold=(Hold(task_id='t', attempt=2),), known=False)
    plain = over(serializer.pack(orders))
    assert from_plain(Orders, plain) == orders
    assert over(serializer.pack(None)) is None
    assert over(serializer.pack([1])) == [1]


@pytest.mark.parametrize('kind', KINDS)
def test_errors_keep_their_class(kind: type[errors.CoriolisError]) -> None:
    with pytest.raises(errors.CoriolisError) as caught:
        over(serializer.pack_error(kind('what happened')))
    assert type(caught.value) is kind
    assert caught.value.message == 'what happened'
    assert caught.value.retryable is kind.retryable


def test_a_field_crosses_and_the_detail_does_not() -> None:
    error = errors.InvalidInput('bad', field='$.a[1]', detail='internal')
    plain = serializer.pack_error(error)
    assert 'internal' not in json.dumps(plain)
    with pytest.raises(errors.InvalidInput) as caught:
        over(plain)
    assert caught.value.field == '$.a[1]'


def test_a_class_of_another_module_becomes_its_code_s_class() -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        over(serializer.pack_error(InvalidValue('bad', field='$')))
    assert type(caught.value) is errors.InvalidInput


def test_an_unknown_code_is_kept() -> None:
    class Odd(errors.CoriolisError):
        code = 'odd'

    with pytest.raises(errors.CoriolisError) as caught:
        over(serializer.pack_error(Odd('x', retryable=True)))
    assert type(caught.value) is errors.CoriolisError
    assert caught.value.code == 'odd'
    assert caught.value.retryable is True
