# SPDX-License-Identifier: Apache-2.0
"""When compression is used, on a clock that the test moves."""

from __future__ import annotations

import os
import zlib

import pytest

from coriolis_ng.transport.sinks.agent import Packer, deflated
from tests.unit.transport.test_rates import Clock


def used(raw_seconds: float, packed_seconds: float, mode: str) -> float:
    """Share of a thousand chunks that were compressed."""
    clock = Clock()
    packer = Packer(mode, clock)
    count = 0
    for _ in range(1000):
        packed, began = packer.start()
        clock.now += packed_seconds if packed else raw_seconds
        packer.end(packed, began, 1 << 20)
        count += packed
    return count / 1000


@pytest.mark.parametrize(
    ('raw', 'packed', 'mode', 'least', 'most'),
    [
        (0.010, 0.003, 'auto', 0.95, 0.999),
        (0.001, 0.030, 'auto', 0.001, 0.03),
        # No gain worth the processor.
        (0.010, 0.0099, 'auto', 0.001, 0.03),
        (0.001, 0.030, 'always', 1, 1),
        (0.010, 0.003, 'never', 0, 0),
    ],
)
def test_the_cheaper_way_is_taken(
    raw: float, packed: float, mode: str, least: float, most: float
) -> None:
    assert least <= used(raw, packed, mode) <= most


def test_a_link_that_becomes_slow_is_noticed() -> None:
    clock = Clock()
    packer = Packer('auto', clock)
    last = []
    for number in range(2000):
        packed, began = packer.start()
        raw = 0.001 if number < 1000 else 0.1
        clock.now += 0.02 if packed else raw
        packer.end(packed, began, 1 << 20)
        last.append(packed)
    assert sum(last[900:1000]) < 5
    assert sum(last[1900:]) > 95


def test_noise_is_left_as_it_is() -> None:
    noise = memoryview(os.urandom(1 << 20))
    assert deflated(noise) is noise
    text = memoryview(b'a line of a log file\n' * 10_000)
    assert zlib.decompress(deflated(text)) == text


def test_a_wrong_word_is_refused() -> None:
    with pytest.raises(ValueError, match='compress'):
        Packer('sometimes')
