# SPDX-License-Identifier: Apache-2.0
"""What the commands share: the client, names, JSON arguments, figures."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from typing import Any

from cliff import command, lister, show

from coriolis_ng.client import ApiError, Client
from coriolis_ng.client.api import Json

UNITS = ('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')


class _Ours:
    """``epilog`` holds the examples that ``--help`` shows."""

    examples = ''
    app: Any

    @property
    def client(self) -> Client:
        return self.app.client

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)  # type: ignore[misc]
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        if self.examples:
            parser.epilog = f'examples:\n{self.examples.rstrip()}'
        self.arguments(parser)
        return parser

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The command's own arguments."""


class Command(_Ours, command.Command):
    pass


class Lister(_Ours, lister.Lister):
    """A table; ``columns`` maps a heading to a field of the JSON."""

    columns: dict[str, str] = {}

    def rows(self, given: argparse.Namespace) -> list[Json]:
        raise NotImplementedError

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[list[str], list[list[Any]]]:
        found = self.rows(parsed_args)
        return list(self.columns), [
            [one.get(field) for field in self.columns.values()]
            for one in found
        ]


class ShowOne(_Ours, show.ShowOne):
    """All fields of one thing."""

    hidden = ('deleted', 'deleted_at')

    def thing(self, given: argparse.Namespace) -> Json:
        raise NotImplementedError

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[list[str], list[Any]]:
        found = self.thing(parsed_args)
        shown = {k: v for k, v in found.items() if k not in self.hidden}
        if parsed_args.formatter == 'table':
            shown = {k: _folded(v) for k, v in shown.items()}
        return list(shown), list(shown.values())


def _folded(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value, indent=1, ensure_ascii=False)
    return value


def json_argument(text: str) -> Json:
    """A JSON object, or ``@FILE`` (``@-``: standard input) with one."""
    try:
        if text == '@-':
            text = sys.stdin.read()
        elif text.startswith('@'):
            text = pathlib.Path(text[1:]).read_text()
        value = json.loads(text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f'no JSON object: {error}') from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError('a JSON object is wanted')
    return value


def endpoint_id(client: Client, name: str) -> str:
    """The id of an endpoint given by name or id."""
    found = client.endpoints.list()
    if any(one['id'] == name for one in found):
        return name
    ids = [one['id'] for one in found if one['name'] == name]
    if len(ids) == 1:
        return str(ids[0])
    if ids:
        raise ApiError(
            f'{len(ids)} endpoints are called "{name}"; give the id.',
            status=409,
        )
    raise ApiError(f'There is no endpoint "{name}".', status=404)


def size(count: float | None) -> str:
    """Bytes as people read them: ``1.2 GiB``."""
    if count is None:
        return ''
    power = 0
    while abs(count) >= 1024 and power < len(UNITS) - 1:
        count /= 1024
        power += 1
    return f'{count:.0f} B' if power == 0 else f'{count:.1f} {UNITS[power]}'


def duration(seconds: float | None) -> str:
    """``48 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None:
        return ''
    whole = int(seconds + 0.5)
    if whole < 60:
        return f'{whole} s'
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60} h {minutes % 60} min'
