# SPDX-License-Identifier: Apache-2.0
"""Events: what happened, and what happens just now."""

from __future__ import annotations

import argparse
import json

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import names
from coriolis_ng.client.cli.command import PAGE, Command, Lister, Ours
from coriolis_ng.client.cli.frame import words
from coriolis_ng.client.events import Event


class _Filtered(Ours):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--transfer', help='only of this one: id, notes or machine'
        )
        parser.add_argument('--deployment', metavar='ID')
        parser.add_argument('--execution', metavar='ID')
        parser.add_argument(
            '--marker', metavar='ID', help='only those behind this event'
        )

    def filters(self, given: argparse.Namespace) -> Json:
        """As the collection takes them."""
        transfer = given.transfer and names.transfer(
            self.client.transfers, given.transfer, self.program
        )
        return {
            'transfer_id': transfer,
            'deployment_id': given.deployment,
            'execution_id': given.execution,
            'marker': given.marker,
        }


class List(_Filtered, Lister):
    """List events, the oldest first."""

    columns = {
        'ID': 'id',
        'Time': 'created_at',
        'Type': 'type',
        'Instance': 'instance',
        'Name': 'name',
        'Status': 'status',
        'Message': 'message',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--limit', type=int, default=PAGE, help='how many at most'
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found, marker = self.client.events.list(
            limit=given.limit, **self.filters(given)
        )
        if len(found) == given.limit:
            self.say(f'There may be more: --marker {marker}')
        return [*found]


class Follow(_Filtered, Command):
    """Show events as they come, a line each, until Ctrl-C."""

    examples = """
  {} event follow --transfer web1
  {} event follow --json --marker 0 | jq .message
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--json', action='store_true', help='a JSON object on each line'
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for event in self.client.events.follow(**self.filters(parsed_args)):
            text = json.dumps(event) if parsed_args.json else line(event)
            self.app.stdout.write(f'{text}\n')
            self.app.stdout.flush()


def line(event: Event) -> str:
    """An event for people."""
    parts = [
        event.created_at[:19].replace('T', ' '),
        event.level if event.level != 'INFO' else '',
        event.instance,
        words(event.name),
        event.status if event.type != 'note' else '',
        event.message,
    ]
    return '  '.join(part for part in parts if part)


COMMANDS = {'event list': List, 'event follow': Follow}
