# SPDX-License-Identifier: Apache-2.0
"""``migration ...``: live migrations and deployments by the names and with
the options of before."""

from __future__ import annotations

import argparse
from typing import Any

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import deployment, ends, names
from coriolis_ng.client.cli.command import Pages, ShowOne
from coriolis_ng.client.cli.run import waiting


class OfMigrations(deployment.OfDeployments):
    noun = 'migration'
    examples = ''

    @property
    def many(self) -> Any:
        return self.client.migrations

    def started(self, made: Json, wait: bool) -> Json:
        """The migration, at its end if ``wait``; else says how to follow."""
        if wait:
            return self.followed(made['id'])
        self.say(
            f'It runs. To follow it: {self.program} migration watch '
            f'{made["id"]}'
        )
        return made


class Create(OfMigrations, ShowOne):
    """Move machines once: copy them, and deploy them."""

    examples = """
  {} migration create --origin-endpoint here --destination-endpoint there \\
      --instance web1 --shutdown-instances --wait
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        ends.options(parser)
        parser.add_argument(
            '--replication-count',
            type=int,
            metavar='N',
            help='how often it copies before it deploys',
        )
        for name, text in (
            ('shutdown-instances', 'shut them down before the last copy'),
            ('skip-os-morphing', 'do not adapt the guests'),
        ):
            parser.add_argument(
                f'--{name}', action='store_true', default=None, help=text
            )
        waiting(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        made = self.many.create(
            **ends.said(self.client, given, self.program),
            replication_count=given.replication_count,
            shutdown_instances=given.shutdown_instances,
            skip_os_morphing=given.skip_os_morphing,
        )
        return self.started(made, given.wait)


class DeployReplica(OfMigrations, ShowOne):
    """Make machines from what a replica has."""

    examples = """
  {} migration deploy replica REPLICA --wait
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'replica', help='id, notes, or one of its machines'
        )
        deployment.settings(parser)
        waiting(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        id = names.transfer(self.client.replicas, given.replica, self.program)
        made = self.many.deploy(id, **deployment.said(given))
        return self.started(made, given.wait)


class List(OfMigrations, Pages):
    """List migrations, the newest first."""

    columns = {
        'ID': 'id',
        'Status': 'last_execution_status',
        'Instances': 'instances',
        'Notes': 'notes',
        'Created': 'created_at',
    }
    examples = """
  {} migration list --all
"""

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.page(self.many, given)


class Show(OfMigrations, deployment.Show):
    """Show a migration with its tasks."""


class Watch(OfMigrations, deployment.Watch):
    """Follow a migration to its end; exit code 1 when it failed."""


class Cancel(OfMigrations, deployment.Cancel):
    """Stop a migration; what it made is removed."""


class Delete(OfMigrations, deployment.Delete):
    """Delete migrations that have ended."""


COMMANDS = {
    'migration create': Create,
    'migration deploy replica': DeployReplica,
    'migration list': List,
    'migration show': Show,
    'migration watch': Watch,
    'migration cancel': Cancel,
    'migration delete': Delete,
}
