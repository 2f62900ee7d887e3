# SPDX-License-Identifier: Apache-2.0
"""Services: the processes that do the work, and what they run on."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import names
from coriolis_ng.client.cli.command import Deleter, Lister, ShowOne


class List(Lister):
    """List services."""

    columns = {
        'ID': 'id',
        'Host': 'host',
        'Binary': 'binary',
        'Enabled': 'enabled',
        'Status': 'status',
        'Tasks': lambda one: one['specs'].get('load'),
        'Capacity': lambda one: one['specs'].get('capacity'),
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return [*self.client.services.all()]


class _One(ShowOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('service', help='host or id')

    def id(self, said: str) -> str:
        """Its id."""
        return _id(self, said)


def _id(command: _One | Delete, said: str) -> str:
    return names.pick(
        command.client.services.all(),
        said,
        'service',
        lambda one: [one['host'], f'{one["host"]}/{one["binary"]}'],
        f'See: {command.program} service list',
    )


class Show(_One):
    """Show a service with what it can do."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.services.get(self.id(given.service))


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--coriolis-region',
        action='append',
        dest='regions',
        metavar='ID',
        help='replaces the regions it had; may be given many times',
    )
    state = parser.add_mutually_exclusive_group()
    state.add_argument(
        '--enabled',
        action='store_true',
        default=None,
        dest='enabled',
        help='give it new work',
    )
    state.add_argument(
        '--disabled',
        action='store_false',
        default=None,
        dest='enabled',
        help='let it end what it does and give it nothing new',
    )


class Create(ShowOne):
    """Say how a service is used that has made itself known."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('--host', required=True)
        parser.add_argument('--binary', required=True)
        parser.add_argument('--topic', help='of no matter')
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.services.create(
            host=given.host,
            binary=given.binary,
            topic=given.topic,
            enabled=given.enabled,
            mapped_regions=given.regions,
        )


class Update(_One):
    """Give a service new work or none, or other regions."""

    examples = """
  {} service update worker-1 --disabled
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.services.update(
            self.id(given.service),
            enabled=given.enabled,
            mapped_regions=given.regions,
        )


class Delete(Deleter):
    """Forget services that are gone for good."""

    noun = 'service'
    what = 'host or id'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        self.client.services.delete(_id(self, said))


class Diagnostics(Lister):
    """Show what all processes run on."""

    columns = {
        'Application': 'application',
        'Host': 'hostname',
        'Architecture': 'architecture',
        'OS': 'os_info',
        'Packages': 'packages',
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return [*self.client.services.diagnostics()]


COMMANDS = {
    'service create': Create,
    'service list': List,
    'service show': Show,
    'service update': Update,
    'service delete': Delete,
    'diagnostics get': Diagnostics,
}
