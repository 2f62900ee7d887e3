# SPDX-License-Identifier: Apache-2.0
"""The queue that ends every thread of a copy."""

from __future__ import annotations

import threading

import pytest

from coriolis_ng.transport.lane import Closed, Lane


def test_first_in_first_out_until_the_end() -> None:
    lane: Lane[int] = Lane(3)
    assert all(lane.put(n, 0) for n in range(3))
    assert not lane.put(3, 0)
    lane.end()
    assert list(lane) == [0, 1, 2]


def test_closing_ends_who_waits() -> None:
    lane: Lane[int] = Lane(1)
    ended = []

    def consume() -> None:
        try:
            list(lane)
        except Closed:
            ended.append('consumer')

    thread = threading.Thread(target=consume)
    thread.start()
    lane.close()
    thread.join(20)
    assert ended == ['consumer']
    with pytest.raises(Closed):
        lane.put(1, 0)


def test_what_was_put_is_dropped_when_closed() -> None:
    lane: Lane[int] = Lane(5)
    lane.put(1, 0)
    lane.close()
    with pytest.raises(Closed):
        next(iter(lane))


def test_closing_twice_is_closing() -> None:
    lane: Lane[int] = Lane(1)
    lane.check()
    for _ in range(2):
        lane.close()
        with pytest.raises(Closed):
            lane.check()
