# SPDX-License-Identifier: Apache-2.0
"""Schedules: when a transfer is executed by itself."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import names
from coriolis_ng.client.cli.command import Deleter, Ours, Pages, ShowOne
from coriolis_ng.client.schedules import SchedulesOfTransfer

DAYS = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
FIELDS = {
    'minute': '0 to 59',
    'hour': '0 to 23',
    'dom': 'day of the month, 1 to 31',
    'month': '1 to 12',
    'dow': 'day of the week, mon to sun or 0 to 6',
}
# The letters and words of earlier public clients.
ALSO = {
    'minute': ('-M',),
    'hour': ('-H',),
    'dom': ('-d', '--day-of-month'),
    'month': ('-m',),
    'dow': ('-w', '--day-of-week'),
}
_WINDOW = re.compile(r'(?:([\w,]+)@)?(\d\d:\d\d)-(\d\d:\d\d)')


def day(text: str) -> int:
    """0 for Monday, by its name or number."""
    short = text.strip().lower()[:3]
    if short in DAYS:
        return DAYS.index(short)
    if text in {'0', '1', '2', '3', '4', '5', '6'}:
        return int(text)
    raise argparse.ArgumentTypeError(f'"{text}" is no day: mon to sun')


def window(text: str) -> Json:
    """``22:00-06:00``, or ``sat,sun@00:00-00:00``."""
    found = _WINDOW.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(
            f'"{text}" should look like 22:00-06:00 or sat,sun@08:00-18:00'
        )
    days, start, end = found.groups()
    return {
        'start': start,
        'end': end,
        'days': [day(one) for one in days.split(',')] if days else [],
    }


class OfTransfer(Ours):
    """A command about the schedules of one transfer."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            'transfer', help='id, notes, or one of its machines'
        )

    def schedules(self, given: argparse.Namespace) -> SchedulesOfTransfer:
        """All of them."""
        transfers = self.client.transfers
        id = names.transfer(transfers, given.transfer, self.program)
        return self.client.schedules.of(id)


class OfOne(OfTransfer):
    """A command about one schedule."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('schedule', help='id, or its beginning')

    def find(
        self, given: argparse.Namespace
    ) -> tuple[SchedulesOfTransfer, str]:
        """Where it is, and its id."""
        several = self.schedules(given)
        return several, pick(several, given.schedule, self.program)


def pick(several: SchedulesOfTransfer, said: str, program: str) -> str:
    """The id of a schedule."""
    return names.pick(
        several.all(),
        said,
        'schedule',
        lambda one: [],
        f'See: {program} transfer schedule list TRANSFER',
    )


def _times(parser: argparse.ArgumentParser) -> None:
    for name, text in FIELDS.items():
        parser.add_argument(
            f'--{name}',
            *ALSO[name],
            type=day if name == 'dow' else int,
            metavar='N',
            help=text,
        )
    parser.add_argument(
        '--every',
        type=int,
        metavar='SECONDS',
        help='instead of times of a calendar: so often',
    )
    parser.add_argument(
        '--continuous',
        action='store_true',
        default=None,
        help='instead of times: a run follows the one before, its start no '
        'sooner than --every after that one',
    )
    parser.add_argument(
        '--time-zone', metavar='NAME', help='such as Europe/Berlin; UTC'
    )
    parser.add_argument(
        '--blackout',
        type=window,
        action='append',
        metavar='[DAYS@]HH:MM-HH:MM',
        help='nothing starts then; may be given many times',
    )
    parser.add_argument(
        '--missed',
        choices=('once', 'skip'),
        help='what becomes of times at which nothing could be started',
    )
    parser.add_argument(
        '--expires-at', metavar='TIME', help='such as 2027-01-31T12:00:00Z'
    )


def _flag(
    parser: argparse.ArgumentParser, name: str, dest: str, text: str
) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        f'--{name}', action='store_true', default=None, dest=dest, help=text
    )
    negative = f'dont-{name}' if name != 'enabled' else 'disabled'
    group.add_argument(
        f'--{negative}', action='store_false', default=None, dest=dest
    )


def _settings(parser: argparse.ArgumentParser) -> None:
    _times(parser)
    _flag(parser, 'enabled', 'enabled', 'it runs')
    _flag(
        parser,
        'shutdown-instance',
        'shutdown_instance',
        'machines are shut down before they are copied',
    )
    _flag(parser, 'auto-deploy', 'auto_deploy', 'each run is deployed at once')


def _said(given: argparse.Namespace) -> Json:
    """What was said, as the service calls it."""
    calendar = {
        name: getattr(given, name)
        for name in FIELDS
        if getattr(given, name) is not None
    }
    found: dict[str, Any] = {
        'schedule': calendar or None,
        'interval_seconds': given.every,
        'continuous': given.continuous,
        'time_zone': given.time_zone,
        'blackout_windows': given.blackout,
        'missed_runs': given.missed,
        'expiration_date': given.expires_at,
        'enabled': given.enabled,
        'shutdown_instance': given.shutdown_instance,
        'auto_deploy': given.auto_deploy,
    }
    said = {name: one for name, one in found.items() if one is not None}
    if calendar and not {'interval_seconds', 'continuous'} & said.keys():
        # From an interval to a calendar in one step.
        said |= {'continuous': False}
    return said


def when(one: Mapping[str, Any]) -> str:
    """A schedule's times in words."""
    if one['continuous']:
        least = one['interval_seconds']
        return 'continuous' + (f', every {least} s at most' if least else '')
    if one['interval_seconds']:
        return f'every {one["interval_seconds"]} s'
    calendar = one['schedule']
    parts = [f'{name} {calendar[name]}' for name in FIELDS if name in calendar]
    return ', '.join([*parts, one['time_zone']])


class Create(OfTransfer, ShowOne):
    """Execute a transfer by itself at certain times."""

    examples = """
  {} transfer schedule create web --hour 3 --time-zone Europe/Berlin
  {} transfer schedule create web --continuous --every 900 \\
      --blackout mon,tue,wed,thu,fri@08:00-18:00
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        return self.schedules(given).create(**_said(given))


class List(OfTransfer, Pages):
    """List the schedules of a transfer."""

    columns = {
        'ID': 'id',
        'When': when,
        'Enabled': 'enabled',
        'Shut down': 'shutdown_instance',
        'Deploy': 'auto_deploy',
        'Next run': lambda one: (one['next_run_at'] or '')[:19],
        'Last run': lambda one: (one['last_run'] or {}).get('status', ''),
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--hide-expired',
            action='store_true',
            help='leave out what is over',
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        filters = {'show_expired': False} if given.hide_expired else {}
        return [*self.page(self.schedules(given), given, **filters)]


class Show(OfOne, ShowOne):
    """Show a schedule, with what became of its last run."""

    def thing(self, given: argparse.Namespace) -> Json:
        several, id = self.find(given)
        return several.get(id)


class Update(OfOne, ShowOne):
    """Change a schedule; times of the calendar are replaced as a whole."""

    examples = """
  {} transfer schedule update web 3f2a --disabled
  {} transfer schedule update web 3f2a --hour 4 --minute 30
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        _settings(parser)
        parser.add_argument(
            '--never-expires',
            '--no-expiration-date',
            action='store_true',
            help='remove the time at which it expires',
        )

    def thing(self, given: argparse.Namespace) -> Json:
        several, id = self.find(given)
        said = _said(given)
        if said.get('schedule'):
            said.setdefault('interval_seconds', None)
        elif {'interval_seconds', 'continuous'} & said.keys():
            said['schedule'] = {}
        if given.never_expires:
            said['expiration_date'] = None
        return several.update(id, **said)


class Delete(OfTransfer, Deleter):
    """Delete schedules; what they have started goes on."""

    noun = 'schedule'
    what = 'id, or its beginning'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        several = self.schedules(given)
        several.delete(pick(several, said, self.program))


COMMANDS = {
    f'{noun} schedule {verb}': kind
    for noun in ('transfer', 'replica')
    for verb, kind in {
        'create': Create,
        'list': List,
        'show': Show,
        'update': Update,
        'delete': Delete,
    }.items()
}
