# SPDX-License-Identifier: Apache-2.0
"""What all commands are made of, under ``coriolis`` and ``openstack``."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn

from cliff import command, lister, show

from coriolis_ng.client import ApiError, Client
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import advice
from coriolis_ng.client.cli.figures import cell
from coriolis_ng.client.collection import Collection

# A field of the JSON, or what to make of a row.
Column = str | Callable[[Any], Any]
PAGE = 100


class Refused(Exception):
    """What a user is told when a command did not do what it should."""


class Ours:
    """``examples`` is what ``--help`` shows below; ``{}`` in it stands for
    the program."""

    examples: ClassVar[str] = ''
    # For the plugin: openstack logs in before it runs the command.
    auth_required: ClassVar[bool] = True
    app: Any

    @property
    def client(self) -> Client:
        found: Client = self.app.client_manager.migration
        return found

    @property
    def program(self) -> str:
        """What stands before the noun on this command line."""
        ours = getattr(self.app, 'is_coriolis', False)
        return 'coriolis' if ours else 'openstack migration'

    def say(self, text: str) -> None:
        """To the user, not into the output."""
        self.app.stderr.write(f'{advice.spelled(text)}\n')
        self.app.stderr.flush()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The options of cliff, then ours."""
        parser = super().get_parser(prog_name)  # type: ignore[misc]
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        # Three screens of options hide what is wrong.
        parser.error = functools.partial(_misused, parser)  # type: ignore[method-assign]
        # Tables wider than the terminal are unreadable.
        parser.set_defaults(fit_width=True)
        self.arguments(parser)
        shown = self.examples.strip('\n')
        if ' replica ' in prog_name:
            # The same command by its old name.
            shown = shown.replace('{} transfer ', '{} replica ')
        shown = shown.replace('{}', self.program)
        shown = advice.spelled(shown) or f'  {_example(parser)}'
        parser.epilog = f'examples::\n\n{shown}'
        return parser

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """The command's own arguments."""

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Says what went wrong and what to do about it, in words."""
        try:
            done = super().run(parsed_args)  # type: ignore[misc]
        except ApiError as error:
            raise Refused(advice.told(error, self.program)) from error
        return int(done or 0)


def _example(parser: argparse.ArgumentParser) -> str:
    """The command with what it needs."""
    words = [parser.prog]
    for action in parser._actions:
        value = str(action.metavar or action.dest).upper()
        if action.required:
            words += [*action.option_strings[:1], value]
    return ' '.join(words)


def _misused(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    parser.exit(2, f'{message}\nSee: {parser.prog} --help\n')


class Command(Ours, command.Command):
    """Does something and has no output."""


class Lister(Ours, lister.Lister):
    """A table; ``columns`` maps a heading to a field or a function."""

    columns: ClassVar[Mapping[str, Column]] = {}

    def rows(self, given: argparse.Namespace) -> Iterable[Json]:
        """What is listed."""
        raise NotImplementedError

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[list[str], list[list[Any]]]:
        return cells(self.columns, self.rows(parsed_args))


def cells(
    columns: Mapping[str, Column], rows: Iterable[Json]
) -> tuple[list[str], list[list[Any]]]:
    """A table as cliff wants it."""
    return list(columns), [
        [_cell(one, column) for column in columns.values()] for one in rows
    ]


def _cell(one: Json, column: Column) -> Any:
    if callable(column):
        return column(one)
    return cell(column, one.get(column))


class Pages(Lister):
    """A list that the service gives page by page."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            '--limit',
            type=_positive,
            default=PAGE,
            help=f'how many at most (default: {PAGE})',
        )
        parser.add_argument(
            '--marker', metavar='ID', help='begin behind this one'
        )
        parser.add_argument(
            '--all',
            action='store_true',
            dest='every',
            help='all of them, whatever --limit says',
        )

    def page(
        self,
        found: Collection[Any],
        given: argparse.Namespace,
        **filters: Any,
    ) -> list[Any]:
        """The rows asked for; says so when there may be more."""
        if given.every:
            return [*found.all(**filters)]
        rows = found.list(limit=given.limit, marker=given.marker, **filters)
        if len(rows) == given.limit:
            self.say(f'There may be more: --all, or --marker {rows[-1]["id"]}')
        return rows


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 1 on')
    return number


class ShowOne(Ours, show.ShowOne):
    """All fields of one thing."""

    hidden = ('deleted', 'deleted_at', 'base_id')

    def thing(self, given: argparse.Namespace) -> Json:
        """What is shown."""
        raise NotImplementedError

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[list[str], list[Any]]:
        found = self.thing(parsed_args)
        shown = {k: v for k, v in found.items() if k not in self.hidden}
        return list(shown), [cell(k, v) for k, v in shown.items()]


class Deleter(Command):
    """Deletes several; goes on after one that it could not delete."""

    noun: ClassVar[str]
    what = 'name or id'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'which', nargs='+', metavar=self.noun, help=self.what
        )

    def delete(self, said: str, given: argparse.Namespace) -> None:
        """Deletes the one that was said."""
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        failed = 0
        for said in parsed_args.which:
            try:
                self.delete(said, parsed_args)
            except ApiError as error:
                if len(parsed_args.which) == 1:
                    raise
                self.say(f'{said}: {advice.told(error, self.program)}')
                failed += 1
        if failed:
            count = len(parsed_args.which)
            raise ApiError(f'{failed} of {count} could not be deleted.')
        return 0
