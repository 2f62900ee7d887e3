# SPDX-License-Identifier: Apache-2.0
"""Minion pools: worker VMs that are kept ready."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import names
from coriolis_ng.client.cli.arguments import json_options
from coriolis_ng.client.cli.command import Deleter, Ours, Pages, ShowOne


class OfOne(Ours):
    """A command about one pool."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('pool', help='name or id')

    def id(self, given: argparse.Namespace) -> str:
        """Its id."""
        return names.named(self.client.minion_pools, given.pool, self.program)


def _settings(parser: argparse.ArgumentParser) -> None:
    json_options(
        parser,
        'environment-options',
        'how machines are made; see: endpoint destination minion pool '
        'options list',
    )
    parser.add_argument(
        '--minimum-minions',
        type=int,
        metavar='N',
        help='so many machines are there however idle they are',
    )
    parser.add_argument(
        '--maximum-minions',
        type=int,
        metavar='N',
        help='so many may be made when more are wanted at once',
    )
    parser.add_argument(
        '--minion-max-idle-time',
        type=int,
        metavar='SECONDS',
        help='a machine beyond the minimum that nobody used for so long '
        'is retired',
    )
    parser.add_argument(
        '--minion-retention-strategy',
        choices=('delete', 'poweroff'),
        help='what retiring a machine means',
    )
    parser.add_argument('--notes')


def _said(given: argparse.Namespace) -> Json:
    return {
        name: getattr(given, name)
        for name in (
            'name',
            'environment_options',
            'minimum_minions',
            'maximum_minions',
            'minion_max_idle_time',
            'minion_retention_strategy',
            'notes',
        )
    }


class Create(ShowOne):
    """Create a pool and make its machines."""

    examples = """
  {} endpoint destination minion pool options list there
  {} minion pool create --name writers --endpoint there \\
      --pool-platform destination --os-type linux --maximum-minions 4 \\
      --minion-max-idle-time 3600 --minion-retention-strategy poweroff \\
      --environment-options '{"worker_image": "worker.qcow2"}'
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        named = parser.add_mutually_exclusive_group(required=True)
        named.add_argument('--name')
        # As earlier public clients have it.
        named.add_argument(
            'positional', nargs='?', metavar='name', help='the same'
        )
        parser.add_argument(
            '--endpoint',
            '--endpoint-id',
            required=True,
            help='its cloud: name or id',
        )
        parser.add_argument(
            '--pool-platform',
            '--platform',
            required=True,
            choices=('source', 'destination'),
            help='which end of transfers its machines are for',
        )
        parser.add_argument(
            '--os-type', default='linux', choices=('linux', 'windows')
        )
        parser.add_argument(
            '--skip-allocation',
            action='store_true',
            help='make no machines before: minion pool allocate',
        )
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        said = _said(given)
        said['name'] = given.name or given.positional
        if said['environment_options'] is None:
            said['environment_options'] = {}
        return self.client.minion_pools.create(
            endpoint_id=names.endpoint(
                self.client, given.endpoint, self.program
            ),
            platform=given.pool_platform,
            os_type=given.os_type,
            skip_allocation=given.skip_allocation,
            **said,
        )


class List(Pages):
    """List minion pools."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Endpoint': 'endpoint_id',
        'Platform': 'platform',
        'OS': 'os_type',
        'Status': 'status',
        'Machines': lambda one: len(one['minion_machines']),
        'In use': lambda one: sum(
            machine['allocation_status'] == 'IN_USE'
            for machine in one['minion_machines']
        ),
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return [*self.page(self.client.minion_pools, given)]


class Show(OfOne, ShowOne):
    """Show a pool with its machines and what happened to them."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.minion_pools.get(self.id(given))


class Update(OfOne, ShowOne):
    """Change a pool that is deallocated."""

    examples = """
  {} minion pool deallocate writers
  {} minion pool update writers --maximum-minions 8
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('--name')
        parser.add_argument('--os-type', choices=('linux', 'windows'))
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.minion_pools.update(
            self.id(given), os_type=given.os_type, **_said(given)
        )


class Allocate(OfOne, ShowOne):
    """Start to make the machines of a pool."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.minion_pools.allocate(self.id(given))


class Refresh(OfOne, ShowOne):
    """Start to check the machines of a pool; dead ones are replaced."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.minion_pools.refresh(self.id(given))


class Deallocate(OfOne, ShowOne):
    """Start to remove the machines of a pool."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--force', action='store_true', help='also those that are in use'
        )

    def thing(self, given: argparse.Namespace) -> Json:
        pools = self.client.minion_pools
        return pools.deallocate(self.id(given), force=given.force)


class Delete(Deleter):
    """Delete pools that have no machines."""

    noun = 'pool'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        pools = self.client.minion_pools
        pools.delete(names.named(pools, said, self.program))


COMMANDS = {
    'minion pool create': Create,
    'minion pool list': List,
    'minion pool show': Show,
    'minion pool update': Update,
    'minion pool delete': Delete,
    'minion pool allocate': Allocate,
    'minion pool refresh': Refresh,
    'minion pool deallocate': Deallocate,
}
