# SPDX-License-Identifier: Apache-2.0
"""Limits of bandwidth as arguments."""

from __future__ import annotations

import argparse
import re

from coriolis_ng.client.api import Json

_WINDOW = re.compile(
    r'(?:([a-z,-]+)@)?(\d\d:\d\d)-(\d\d:\d\d)=(none|\d+(?:\.\d+)?)'
)


def window(text: str) -> Json:
    """``mon-fri@08:00-18:00=10``; ``none`` is no limit."""
    found = _WINDOW.fullmatch(text.strip().lower())
    if not found:
        raise argparse.ArgumentTypeError(
            f'"{text}" should look like mon-fri@08:00-18:00=10 (MB/s) or '
            '22:00-06:00=none'
        )
    days, start, end, mb_s = found.groups()
    return {
        'from': start,
        'to': end,
        'days': days or '',
        'mb_s': None if mb_s == 'none' else float(mb_s),
    }


def options(parser: argparse.ArgumentParser, whose: str) -> None:
    """What limits the copies of an endpoint or a transfer."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--bandwidth-limit',
        type=float,
        metavar='MB/S',
        help=f'how many million bytes a second {whose} take together',
    )
    group.add_argument(
        '--no-bandwidth-limit',
        action='store_true',
        help='as fast as they can, at all times',
    )
    parser.add_argument(
        '--bandwidth-window',
        type=window,
        action='append',
        dest='bandwidth_windows',
        metavar='[DAYS@]HH:MM-HH:MM=MB/S',
        help='another limit at that time of day (none: no limit); may be '
        'given many times, the first that fits counts',
    )
    parser.add_argument(
        '--bandwidth-time-zone',
        metavar='ZONE',
        help='where the windows are meant, such as Europe/Bucharest; else UTC',
    )


def said(given: argparse.Namespace) -> Json | None:
    """As a request has it; None where nothing was said."""
    windows = given.bandwidth_windows or []
    if given.no_bandwidth_limit:
        return {'mb_s': None, 'profile': []}
    if given.bandwidth_limit is None and not windows:
        return None
    zone = given.bandwidth_time_zone or 'UTC'
    return {
        'mb_s': given.bandwidth_limit,
        'profile': [{**one, 'time_zone': zone} for one in windows],
    }
