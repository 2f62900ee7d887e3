# SPDX-License-Identifier: Apache-2.0
"""How fast copies may be: a limit, times of day with other limits, and fair
shares of what several limits leave. Pure: time is an argument."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping, Sequence

from coriolis_ng import errors
from coriolis_ng.objects.value import Value

MB = 1_000_000  # bytes: as networks are sold
LEAST_MB_S = 0.1
# A share below would look like a copy that hangs: 1 MiB each 64 seconds.
LEAST_SHARE = 16 * 1024.0
DAYS = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
_CLOCK = re.compile(r'([01][0-9]|2[0-3]):[0-5][0-9]')


class Window(Value):
    """From ``start`` to ``end`` (``HH:MM`` in ``time_zone``; over midnight
    where the end is not later) of those days, on which it begins (0 is
    Monday; none: every day), ``mb_s`` is the limit; None is no limit."""

    start: str
    end: str
    mb_s: float | None = None
    days: tuple[int, ...] = ()
    time_zone: str = 'UTC'


class Bandwidth(Value):
    """Millions of bytes per second: ``mb_s`` (None: no limit), but what the
    first window of the ``profile`` says in which a moment lies."""

    mb_s: float | None = None
    profile: tuple[Window, ...] = ()

    def at(self, now: datetime.datetime) -> float | None:
        """Bytes per second at a moment; None is no limit."""
        mb_s = self.mb_s
        for window in self.profile:
            zone = zoneinfo.ZoneInfo(window.time_zone)
            if _inside(window, now.astimezone(zone)):
                mb_s = window.mb_s
                break
        return None if mb_s is None else mb_s * MB


def _inside(window: Window, local: datetime.datetime) -> bool:
    clock = local.strftime('%H:%M')
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    days = window.days or tuple(range(7))
    if window.start < window.end:
        return today in days and window.start <= clock < window.end
    return (today in days and clock >= window.start) or (
        yesterday in days and clock < window.end
    )


def check(given: Bandwidth, field: str = '$.bandwidth_limit') -> None:
    """``InvalidInput`` naming the field of what cannot be meant, as the
    fields are called in requests."""
    _check_rate(given.mb_s, f'{field}.mb_s')
    for number, window in enumerate(given.profile):
        place = f'{field}.profile[{number}]'
        _check_rate(window.mb_s, f'{place}.mb_s')
        for name, text in (('from', window.start), ('to', window.end)):
            if not _CLOCK.fullmatch(text):
                raise errors.InvalidInput(
                    f'{text!r} is no time of day; it is like 08:00.',
                    field=f'{place}.{name}',
                )
        if any(day not in range(7) for day in window.days):
            raise errors.InvalidInput(
                'Days are 0 (Monday) to 6.', field=f'{place}.days'
            )
        try:
            zoneinfo.ZoneInfo(window.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise errors.InvalidInput(
                f'There is no time zone {window.time_zone!r}; it is a name '
                'such as UTC or Europe/Bucharest.',
                field=f'{place}.time_zone',
            ) from None


def _check_rate(mb_s: float | None, field: str) -> None:
    # Not a number is not at least anything.
    if mb_s is not None and not LEAST_MB_S <= mb_s <= MB:
        raise errors.InvalidInput(
            f'A limit is {LEAST_MB_S} to {MB} MB/s (null: none). To copy '
            'nothing for a while, give a schedule blackout windows.',
            field=field,
        )


def days_of(text: str, field: str = '$.days') -> tuple[int, ...]:
    """``mon-fri`` or ``sat,sun`` as numbers, in order; '' is every day."""
    found: set[int] = set()
    for part in filter(None, text.lower().replace(' ', '').split(',')):
        first, _, last = part.partition('-')
        if first not in DAYS or (last or first) not in DAYS:
            raise errors.InvalidInput(
                f'{part!r} is no day and no range of days; it is like mon '
                'or mon-fri, several with commas.',
                field=field,
            )
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {(begin + n) % 7 for n in range((end - begin) % 7 + 1)}
    return tuple(sorted(found))


def days_text(days: Sequence[int]) -> str:
    """The other way round: ``mon-fri``, ``sat,sun``."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ','.join(
        DAYS[run[0]]
        if len(run) == 1
        else f'{DAYS[run[0]]}{"-" if len(run) > 2 else ","}{DAYS[run[-1]]}'
        for run in runs
    )


def parse(mb_s: float, windows: Sequence[str], time_zone: str) -> Bandwidth:
    """The limit that a configuration says: 0 is none; each window is like
    ``mon-fri@08:00-18:00=50`` (without days: every day; ``none`` is no
    limit). ``InvalidInput``."""
    given = Bandwidth(
        mb_s=mb_s or None,
        profile=tuple(_window(text, time_zone) for text in windows),
    )
    check(given, '$.bandwidth')
    return given


def _window(text: str, time_zone: str) -> Window:
    times, _, rate = text.partition('=')
    days, at, clocks = times.rpartition('@')
    start, _, end = clocks.partition('-')
    try:
        mb_s = None if rate.strip() == 'none' else float(rate)
    except ValueError:
        raise errors.InvalidInput(
            f'{text!r} is no window of a limit of bandwidth; it is like '
            'mon-fri@08:00-18:00=50.',
            field='$.bandwidth_window',
        ) from None
    return Window(
        start=start.strip(),
        end=end.strip(),
        mb_s=mb_s,
        days=days_of(days) if at else (),
        time_zone=time_zone,
    )


def shares(
    copies: Sequence[Sequence[str]], limits: Mapping[str, float]
) -> list[float | None]:
    """Bytes per second for each of several copies, which go through the
    named limits (names without a limit do not count); None: no limit.

    Max-min fair: the tightest limit is divided evenly among its copies,
    and what they cannot use elsewhere is left to the others.
    """
    left = dict(limits)
    given: list[float | None] = [None] * len(copies)
    through = {
        name: {n for n, names in enumerate(copies) if name in names}
        for name in left
    }
    while any(through.values()):
        share, name = min(
            (max(0.0, left[name]) / len(members), name)
            for name, members in through.items()
            if members
        )
        for number in sorted(through[name]):
            given[number] = max(share, LEAST_SHARE)
            for other, members in through.items():
                if number in members:
                    members.discard(number)
                    left[other] -= share
    return given
