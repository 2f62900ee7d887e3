# SPDX-License-Identifier: Apache-2.0
"""Strays: what was left in clouds and could not be removed."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import names
from coriolis_ng.client.cli.command import Deleter, Pages, ShowOne


class List(Pages):
    """List what was left in clouds, the oldest first."""

    columns = {
        'ID': 'id',
        'Kind': 'kind',
        'Resource': 'resource_id',
        'Side': 'side',
        'Instance': 'instance',
        'Why': 'reason',
        'Tries': 'tries',
        'Since': 'created_at',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--endpoint', help='only in this cloud: name or id'
        )
        parser.add_argument('--kind', help='only of this kind, such as volume')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        endpoint = given.endpoint and names.endpoint(
            self.client, given.endpoint, self.program
        )
        return self.page(
            self.client.strays, given, endpoint_id=endpoint, kind=given.kind
        )


class Show(ShowOne):
    """Show one thing that was left in a cloud."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('stray', help='id')

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.strays.get(given.stray)


class Delete(Deleter):
    """Remove what was left from its cloud now."""

    noun = 'stray'
    what = 'id'
    examples = """
  {} stray delete 41 42
  {} stray delete 43 --forget
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--forget',
            action='store_true',
            help='only take it out of the records: its cloud is gone, or you '
            'removed it yourself',
        )

    def delete(self, said: str, given: argparse.Namespace) -> None:
        self.client.strays.delete(said, forget=given.forget)


COMMANDS = {
    'stray list': List,
    'stray show': Show,
    'stray delete': Delete,
}
