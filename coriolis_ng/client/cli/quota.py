# SPDX-License-Identifier: Apache-2.0
"""Quotas: how much a project may use, and uses."""

from __future__ import annotations

import argparse

from coriolis_ng.client import ApiError
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import Deleter, Lister

RESOURCES = ('executions', 'instances')


class Show(Lister):
    """Show quotas and what is used of them."""

    columns = {
        'Resource': 'resource',
        'Limit': 'limit',
        'Usage': 'usage',
        'Source': 'source',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'project', nargs='?', help='id; without: your own project'
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return [*self.client.quotas.list(given.project)]


class Set(Show):
    """Set limits of a project."""

    examples = """
  {} quota set PROJECT --executions 10 --instances unlimited
  {} quota set PROJECT --executions default
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('project', help='id')
        for name in RESOURCES:
            parser.add_argument(
                f'--{name}',
                type=_limit,
                default=argparse.SUPPRESS,
                metavar='N',
                help='a number, "unlimited", or "default"',
            )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        limits = {
            name: getattr(given, name)
            for name in RESOURCES
            if hasattr(given, name)
        }
        if not limits:
            options = ' or '.join(f'--{name}' for name in RESOURCES)
            raise ApiError(f'Say what to set: {options}.')
        return [*self.client.quotas.update(given.project, **limits)]


def _limit(text: str) -> int | None:
    words = {'unlimited': -1, 'default': None}
    if text in words:
        return words[text]
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no number, nor "unlimited" or "default"'
        ) from None


class Reset(Deleter):
    """Go back to the default limits."""

    noun = 'project'
    what = 'id'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        self.client.quotas.delete(said)


COMMANDS = {'quota show': Show, 'quota set': Set, 'quota delete': Reset}
