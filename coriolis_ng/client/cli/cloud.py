# SPDX-License-Identifier: Apache-2.0
"""What is in the cloud of an endpoint: machines, networks, storage."""

from __future__ import annotations

import argparse
from typing import ClassVar

from coriolis_ng.client import ApiError
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import arguments
from coriolis_ng.client.cli.command import PAGE, Command, Lister, ShowOne
from coriolis_ng.client.cli.endpoint import OfOne
from coriolis_ng.client.cli.figures import Size


class _Asked(OfOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        arguments.environment(parser)


class Instances(_Asked, Lister):
    """List the machines of an endpoint."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Memory MB': 'memory_mb',
        'Cores': 'num_cpu',
        'Firmware': 'firmware_type',
        'OS Type': 'os_type',
        'Power': 'power_state',
    }
    examples = """
  {} endpoint instance list here --name web
  {} endpoint instance list here --refresh
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('--name', help='a part of the name')
        parser.add_argument(
            '--limit', type=int, default=PAGE, help='how many at most'
        )
        parser.add_argument('--marker', help='begin behind this one')
        parser.add_argument(
            '--refresh',
            action='store_true',
            default=None,
            help='ask the cloud anew, not what it said a moment ago',
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.endpoints.instances(
            self.id(given),
            name=given.name,
            limit=given.limit,
            marker=given.marker,
            refresh=given.refresh,
            env=given.environment,
        )
        if len(found) == given.limit:
            self.say(f'There may be more: --marker "{found[-1].id}"')
        return [*found]


class Instance(_Asked, ShowOne):
    """Show a machine with its disks and network cards."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('instance', help='name or id in its cloud')

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.endpoints.instance(
            self.id(given), given.instance, env=given.environment
        )


class Networks(_Asked, Lister):
    """List the networks of an endpoint."""

    columns = {'ID': 'id', 'Name': 'name'}

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return [
            *self.client.endpoints.networks(
                self.id(given), env=given.environment
            )
        ]


class Storage(_Asked, Lister):
    """List the storage of an endpoint."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Capacity': lambda one: _bytes(one, 'capacity'),
        'Available': lambda one: _bytes(one, 'available'),
        'Default': 'default',
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.endpoints.storage(
            self.id(given), env=given.environment
        )
        default = found.get('config_default')
        return [
            {**one, 'default': one['name'] == default}
            for one in found['storage_backends']
        ]


def _bytes(one: Json, name: str) -> Size:
    more: Json = one.get('additional_provider_properties') or {}
    return Size(more.get(name))


class _Options(_Asked, Lister):
    side: ClassVar[str]
    columns = {
        'Name': 'name',
        'Values': 'values',
        'Default': 'config_default',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--options', nargs='+', metavar='NAME', help='only these'
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return [
            *self.client.endpoints.options(
                self.id(given),
                self.side,
                env=given.environment,
                options=given.options,
            )
        ]


class SourceOptions(_Options):
    """List what a source environment can say, with the values."""

    side = 'source'


class DestinationOptions(_Options):
    """List what a destination environment can say, with the values."""

    side = 'destination'


class SourcePoolOptions(_Options):
    """List what a minion pool of a source can be told."""

    side = 'source-minion-pool'


class DestinationPoolOptions(_Options):
    """List what a minion pool of a destination can be told."""

    side = 'destination-minion-pool'


class Inventory(_Asked, Command):
    """Write all machines of an endpoint as CSV."""

    examples = """
  {} endpoint export inventory here --output machines.csv
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--output', metavar='FILE', help='instead of standard output'
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        text = self.client.endpoints.inventory(
            self.id(parsed_args), env=parsed_args.environment
        )
        if not parsed_args.output:
            self.app.stdout.write(text)
            return
        try:
            with open(parsed_args.output, 'w', encoding='utf-8') as file:
                file.write(text)
        except OSError as error:
            raise ApiError(
                f'{parsed_args.output} cannot be written: {error.strerror}.'
            ) from None


COMMANDS = {
    'endpoint instance list': Instances,
    'endpoint instance show': Instance,
    'endpoint network list': Networks,
    'endpoint storage list': Storage,
    'endpoint source options list': SourceOptions,
    'endpoint destination options list': DestinationOptions,
    'endpoint source minion pool options list': SourcePoolOptions,
    'endpoint destination minion pool options list': DestinationPoolOptions,
    'endpoint export inventory': Inventory,
}
