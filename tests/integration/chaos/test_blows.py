# SPDX-License-Identifier: Apache-2.0
"""A seed says who is killed when, and nothing else does."""

from __future__ import annotations

import collections

from tests.beds.coriolis import Processes
from tests.integration.chaos.blows import EVERY_SECONDS, How, drawn

NAMES = Processes.NAMES


def test_a_seed_gives_the_same_blows_again() -> None:
    assert drawn(7, 40, NAMES, 12) == drawn(7, 40, NAMES, 12)
    assert drawn(7, 200, NAMES, 12)[:40] == drawn(7, 40, NAMES, 12)
    assert drawn(7, 40, NAMES, 12) != drawn(8, 40, NAMES, 12)


def test_everybody_is_hit_in_every_way_about_every_three_seconds() -> None:
    blows = drawn(1, 400, NAMES, 12)
    by_victim = collections.Counter((b.victim, b.how) for b in blows)
    assert set(by_victim) == {(n, how) for n in NAMES for how in How}
    pauses = [b.at - a.at for a, b in zip(blows, blows[1:], strict=False)]
    assert 0.9 < sum(pauses) / len(pauses) / EVERY_SECONDS < 1.1
    assert any(b.seconds > 12 for b in blows)
    assert {b.whole for b in blows if b.how is How.FREEZE} == {True, False}


def test_nobody_is_hit_while_it_is_away() -> None:
    back = dict.fromkeys(NAMES, 0.0)
    for blow in drawn(3, 200, NAMES, 12):
        # Times are rounded to tenths.
        assert blow.at > back[blow.victim] - 0.2
        back[blow.victim] = blow.at + blow.seconds
