# SPDX-License-Identifier: Apache-2.0
"""One project leaves something to the others."""

from __future__ import annotations

import pytest

from coriolis_ng import errors
from coriolis_ng.rpc.shares import Shares, Taken


def test_one_has_its_share_and_all_have_the_rest() -> None:
    shares = Shares(3, 2)
    assert [shares.take('a') for _ in range(3)] == [
        Taken.YES,
        Taken.YES,
        Taken.SHARE_IS_FULL,
    ]
    assert [shares.take('b') for _ in range(2)] == [
        Taken.YES,
        Taken.ALL_IS_FULL,
    ]
    shares.give_back('a')
    assert shares.take('b') is Taken.YES
    assert shares.take('a') is Taken.ALL_IS_FULL


def test_questions_beyond_are_refused_and_none_is_lost() -> None:
    shares = Shares(2, 1)
    with shares.asking('a'):
        with (
            pytest.raises(errors.TooManyQuestions, match='of this project'),
            shares.asking('a'),
        ):
            pass
        with (
            shares.asking('b'),
            pytest.raises(errors.TooManyQuestions, match='little later'),
            shares.asking('c'),
        ):
            pass
    with pytest.raises(KeyError), shares.asking('a'):
        raise KeyError
    with shares.asking('a'), shares.asking('b'):
        pass
