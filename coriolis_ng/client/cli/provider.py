# SPDX-License-Identifier: Apache-2.0
"""Providers: the kinds of clouds that the workers can reach."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import Lister, ShowOne
from coriolis_ng.client.providers import Providers


class List(Lister):
    """List providers."""

    columns = {'Name': 'name', 'Capabilities': 'capabilities'}

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.providers.list()
        return [
            {
                'name': name,
                'capabilities': ', '.join(
                    map(str, told.get('capabilities') or told['types'])
                ),
            }
            for name, told in found.items()
        ]


class Schema(ShowOne):
    """Show what a provider wants to know, as a JSON Schema."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('provider')
        parser.add_argument('kind', choices=tuple(Providers.KINDS))

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.providers.schema(given.provider, given.kind)


COMMANDS = {'provider list': List, 'provider schema show': Schema}
