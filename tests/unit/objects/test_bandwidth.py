# SPDX-License-Identifier: Apache-2.0
"""Limits by time of day, and fair shares of several limits."""

from __future__ import annotations

import datetime
import random

import pytest

from coriolis_ng import errors
from coriolis_ng.objects import from_plain, to_plain
from coriolis_ng.objects.bandwidth import (
    LEAST_SHARE,
    Bandwidth,
    Window,
    check,
    days_of,
    days_text,
    parse,
    shares,
)


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f'{text}:00+00:00')


OFFICE = Bandwidth(
    mb_s=200,
    profile=(
        Window(
            start='08:00',
            end='18:00',
            days=days_of('mon-fri'),
            time_zone='Europe/Bucharest',
            mb_s=50,
        ),
        Window(start='22:00', end='06:00', days=days_of('sat'), mb_s=None),
    ),
)


@pytest.mark.parametrize(
    ('moment', 'mb_s'),
    [
        ('2026-11-20T05:59', 200),  # 07:59 in Bucharest, a Friday
        ('2026-11-20T06:00', 50),
        ('2026-11-20T15:59', 50),
        ('2026-11-20T16:00', 200),
        ('2026-07-17T05:00', 50),  # 08:00 there: summer time
        ('2026-11-21T10:00', 200),  # a Saturday
        ('2026-11-21T22:00', None),
        ('2026-11-22T05:59', None),  # begun on Saturday
        ('2026-11-22T06:00', 200),
        ('2026-11-22T22:00', 200),
    ],
)
def test_the_limit_at_a_moment(moment: str, mb_s: float | None) -> None:
    expected = None if mb_s is None else mb_s * 1e6
    assert OFFICE.at(utc(moment)) == expected
    assert from_plain(Bandwidth, to_plain(OFFICE)) == OFFICE


def test_without_a_limit() -> None:
    assert Bandwidth().at(utc('2026-11-20T12:00')) is None


def test_the_first_window_counts() -> None:
    both = Bandwidth(
        profile=(
            Window(start='12:00', end='13:00', mb_s=1),
            Window(start='00:00', end='00:00', mb_s=2),
        )
    )
    assert both.at(utc('2026-11-20T12:30')) == 1e6
    assert both.at(utc('2026-11-20T11:30')) == 2e6


@pytest.mark.parametrize(
    ('text', 'days', 'back'),
    [
        ('', (), ''),
        ('mon', (0,), 'mon'),
        ('Mon-Fri', (0, 1, 2, 3, 4), 'mon-fri'),
        ('sat, sun', (5, 6), 'sat,sun'),
        ('fri-mon', (0, 4, 5, 6), 'mon,fri-sun'),
        ('sun,tue-thu', (1, 2, 3, 6), 'tue-thu,sun'),
    ],
)
def test_days(text: str, days: tuple[int, ...], back: str) -> None:
    assert days_of(text) == days
    assert days_text(days) == back


def test_a_wrong_day_is_named() -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        days_of('mon-someday', '$.x.days')
    assert caught.value.field == '$.x.days'
    assert 'mon-someday' in caught.value.message


@pytest.mark.parametrize(
    ('given', 'field'),
    [
        (Bandwidth(mb_s=0), 'mb_s'),
        (Bandwidth(mb_s=-5), 'mb_s'),
        (Bandwidth(mb_s=float('nan')), 'mb_s'),
        (Bandwidth(mb_s=1e9), 'mb_s'),
        (
            Bandwidth(profile=(Window(start='8:00', end='18:00', mb_s=1),)),
            'profile[0].from',
        ),
        (
            Bandwidth(
                profile=(
                    Window(start='08:00', end='18:00', mb_s=1),
                    Window(start='08:00', end='24:00', mb_s=1),
                )
            ),
            'profile[1].to',
        ),
        (
            Bandwidth(
                profile=(
                    Window(
                        start='08:00',
                        end='18:00',
                        mb_s=1,
                        time_zone='Mars/Base',
                    ),
                )
            ),
            'profile[0].time_zone',
        ),
        (
            Bandwidth(
                profile=(Window(start='08:00', end='18:00', mb_s=0.01),)
            ),
            'profile[0].mb_s',
        ),
    ],
)
def test_what_cannot_be_meant_is_named(given: Bandwidth, field: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        check(given)
    assert caught.value.field == f'$.bandwidth_limit.{field}'


def test_as_a_configuration_says_it() -> None:
    windows = ['mon-fri@08:00-18:00=50', '22:00-06:00=none']
    assert parse(200, windows, 'Europe/Bucharest') == Bandwidth(
        mb_s=200,
        profile=(
            Window(
                start='08:00',
                end='18:00',
                mb_s=50,
                days=(0, 1, 2, 3, 4),
                time_zone='Europe/Bucharest',
            ),
            Window(
                start='22:00',
                end='06:00',
                mb_s=None,
                time_zone='Europe/Bucharest',
            ),
        ),
    )
    assert parse(0, [], 'UTC') == Bandwidth()
    for wrong in ('08:00-18:00', 'x@08:00-18:00=1', '8-18=1', 'nothing'):
        with pytest.raises(errors.InvalidInput):
            parse(0, [wrong], 'UTC')


def test_even_shares_of_one_limit() -> None:
    assert shares([['a'], ['a'], []], {'a': 10e6}) == [5e6, 5e6, None]
    assert shares([], {'a': 10e6}) == []
    assert shares([['b']], {'a': 10e6}) == [None]


def test_what_one_cannot_use_the_others_get() -> None:
    found = shares(
        [['all', 'slow'], ['all'], ['all']], {'all': 30e6, 'slow': 2e6}
    )
    assert found == [2e6, 14e6, 14e6]


def test_a_share_is_never_so_small_that_nothing_moves() -> None:
    assert shares([['a']] * 100, {'a': 1e5}) == [LEAST_SHARE] * 100


@pytest.mark.parametrize('seed', range(20))
def test_shares_are_max_min_fair(seed: int) -> None:
    """No limit is exceeded, and each copy is held by a limit that is used
    up, of which no other copy has more."""
    rolls = random.Random(seed)
    limits = {name: rolls.uniform(1e6, 1e9) for name in 'abcdef'}
    copies = [
        sorted(rolls.sample('abcdef', rolls.randint(1, 3)))
        for _ in range(rolls.randint(1, 40))
    ]
    given = [share or 0.0 for share in shares(copies, limits)]
    use = {
        name: sum(g for g, c in zip(given, copies, strict=True) if name in c)
        for name in limits
    }
    for name, limit in limits.items():
        assert use[name] <= limit * (1 + 1e-9)
    for mine, names in zip(given, copies, strict=True):
        assert any(
            use[name] == pytest.approx(limits[name])
            and all(
                other <= mine * (1 + 1e-9)
                for other, those in zip(given, copies, strict=True)
                if name in those
            )
            for name in names
        )
