# SPDX-License-Identifier: Apache-2.0
"""What is away is said once, what is back too."""

from __future__ import annotations

import logging

import pytest

from coriolis_ng.outage import Outage

LOG = logging.getLogger('outage')


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(one.levelname, one.message) for one in caplog.records]


def test_one_line_each_however_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = Outage('The broker', LOG, clock=clock)
    outage.end()
    assert lines(caplog) == []
    for _ in range(60):
        outage.begin('refused')
        clock.now += 1
    outage.end()
    outage.end()
    assert lines(caplog) == [
        ('ERROR', 'The broker is away: refused'),
        ('WARNING', 'The broker is back after 60 s'),
    ]
    outage.begin('again')
    assert lines(caplog)[2:] == [('ERROR', 'The broker is away: again')]


def test_what_is_short_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = Outage('The broker', LOG, patience=10, clock=clock)
    outage.begin('one of two')
    clock.now += 9
    outage.begin('one of two')
    outage.end()
    assert lines(caplog) == []
    outage.begin('nobody', waited=30)
    clock.now += 1
    outage.end()
    assert lines(caplog) == [
        ('ERROR', 'The broker is away: nobody'),
        ('WARNING', 'The broker is back after 31 s'),
    ]
