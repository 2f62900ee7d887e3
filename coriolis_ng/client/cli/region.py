# SPDX-License-Identifier: Apache-2.0
"""Regions: places that workers serve and endpoints lie in."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import names
from coriolis_ng.client.cli.command import Deleter, Ours, Pages, ShowOne


class OfOne(Ours):
    """A command about one region."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('region', help='name or id')

    def id(self, given: argparse.Namespace) -> str:
        """Its id."""
        return names.named(self.client.regions, given.region, self.program)


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--description')
    state = parser.add_mutually_exclusive_group()
    state.add_argument(
        '--enabled', action='store_true', default=None, dest='enabled'
    )
    state.add_argument(
        '--disabled',
        action='store_false',
        default=None,
        dest='enabled',
        help='nobody serves it',
    )


class Create(ShowOne):
    """Create a region; then map workers and endpoints to it."""

    examples = """
  {} region create north --description "the hall by the sea"
  {} service update worker-1 --coriolis-region ID
  {} endpoint update here --coriolis-region ID
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('name', help='need not be unique')
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.regions.create(
            name=given.name,
            description=given.description,
            enabled=given.enabled,
        )


class List(Pages):
    """List regions."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Enabled': 'enabled',
        'Description': 'description',
        'Endpoints': lambda one: len(one['mapped_endpoints']),
        'Services': lambda one: len(one['mapped_services']),
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return [*self.page(self.client.regions, given)]


class Show(OfOne, ShowOne):
    """Show a region with what is mapped to it."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.regions.get(self.id(given))


class Update(OfOne, ShowOne):
    """Change a region."""

    examples = """
  {} region update north --disabled
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('--name')
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.regions.update(
            self.id(given),
            name=given.name,
            description=given.description,
            enabled=given.enabled,
        )


class Delete(Deleter):
    """Delete regions that nothing is mapped to."""

    noun = 'region'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        regions = self.client.regions
        regions.delete(names.named(regions, said, self.program))


COMMANDS = {
    'region create': Create,
    'region list': List,
    'region show': Show,
    'region update': Update,
    'region delete': Delete,
}
