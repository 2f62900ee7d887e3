# SPDX-License-Identifier: Apache-2.0
"""Executions of a transfer: follow them, look at them, stop them."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import arguments, names
from coriolis_ng.client.cli.command import Command, Pages, ShowOne
from coriolis_ng.client.cli.transfer import OfTransfers


class _OfTransfer(OfTransfers):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            'transfer', help='id, notes, or one of its machines'
        )


class _OfOne(_OfTransfer):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('execution', help='id, number, or "last"')

    def both(self, given: argparse.Namespace) -> tuple[str, str]:
        """The ids of the transfer and of the execution."""
        transfer = self.id(given.transfer)
        runs = self.executions(transfer)
        return transfer, names.execution(runs, given.execution)


class List(_OfTransfer, Pages):
    """List the executions of a transfer, the newest first."""

    columns = {
        'ID': 'id',
        'Number': 'number',
        'Type': 'type',
        'Status': 'status',
        'Created': 'created_at',
        'Ended': 'ended_at',
    }
    examples = """
  {} transfer execution list TRANSFER --status ERROR
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        arguments.status(parser, 'only those that are so')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        runs = self.executions(self.id(given.transfer))
        return self.page(runs, given, status=given.status)


class Show(_OfOne, ShowOne):
    """Show an execution with its tasks (-f json: everything)."""

    examples = """
  {} transfer execution show TRANSFER last
"""

    def thing(self, given: argparse.Namespace) -> Json:
        transfer, id = self.both(given)
        found: Json = self.executions(transfer).get(id)
        return found


class Watch(_OfOne, ShowOne):
    """Follow an execution to its end; exit code 1 when it failed."""

    examples = """
  {} transfer execution watch TRANSFER last
"""

    def thing(self, given: argparse.Namespace) -> Json:
        transfer, id = self.both(given)
        return self.followed(transfer, self.executions(transfer).get(id))


class Cancel(_OfOne, Command):
    """Stop an execution; what it made is cleaned up."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--force', action='store_true', help='kill what does not stop'
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        transfer, id = self.both(parsed_args)
        self.executions(transfer).cancel(id, parsed_args.force)


class Delete(_OfOne, Command):
    """Forget an execution that ended; its recovery points stay."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        transfer, id = self.both(parsed_args)
        self.executions(transfer).delete(id)


COMMANDS = {
    'transfer execution list': List,
    'transfer execution show': Show,
    'transfer execution watch': Watch,
    'transfer execution cancel': Cancel,
    'transfer execution delete': Delete,
}
