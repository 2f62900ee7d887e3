# SPDX-License-Identifier: Apache-2.0
"""What a library says of every try is told once in a while."""

from __future__ import annotations

import logging

import pytest

from coriolis_ng.cmd.lines import Seldom


def test_one_of_each_kind_in_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [1000.0]
    log = logging.getLogger('talkative')
    log.addFilter(Seldom(10, lambda: now[0]))
    for second in range(25):
        now[0] = 1000.0 + second
        log.error('Trying again in %s', second)
        log.error('Connection %s failed', second)
    assert [one.message for one in caplog.records] == [
        'Trying again in 0',
        'Connection 0 failed',
        'Trying again in 10',
        'Connection 10 failed',
        'Trying again in 20',
        'Connection 20 failed',
    ]
