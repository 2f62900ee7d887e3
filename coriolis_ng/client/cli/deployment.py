# SPDX-License-Identifier: Apache-2.0
"""Deployments: running machines from recovery points."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import watch
from coriolis_ng.client.cli.command import Command, Lister, ShowOne
from coriolis_ng.client.cli.execution import brief, succeeded
from coriolis_ng.client.cli.transfer import scripts, user_scripts


class Create(ShowOne):
    """Deploy the machines of a transfer from their recovery points."""

    examples = """
  coriolis deployment create --test TRANSFER --wait
  coriolis deployment create TRANSFER --recovery-point web1=POINT
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')
        purpose = parser.add_mutually_exclusive_group()
        purpose.add_argument(
            '--test',
            action='store_const',
            const='test',
            dest='purpose',
            help='isolated, and torn down when the deployment is deleted',
        )
        purpose.add_argument(
            '--final', action='store_const', const='final', dest='purpose'
        )
        parser.add_argument(
            '--recovery-point',
            action='append',
            default=[],
            metavar='NAME=ID',
            help='instead of the newest point of a machine',
        )
        parser.add_argument(
            '--skip-os-morphing', action='store_true', default=None
        )
        parser.add_argument('--wait', action='store_true')
        scripts(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        points = dict(
            text.rpartition('=')[::2] for text in given.recovery_point
        )
        made = self.client.deployments.create(
            transfer_id=given.transfer,
            purpose=given.purpose,
            recovery_points=points or None,
            skip_os_morphing=given.skip_os_morphing,
            user_scripts=user_scripts(given),
        )
        if given.wait:
            made = succeeded(
                watch.follow(lambda: self.client.deployments.get(made['id']))
            )
        return made if given.formatter == 'json' else brief(made)


class List(Lister):
    """List deployments, the newest first."""

    columns = {
        'ID': 'id',
        'Transfer': 'transfer_id',
        'Purpose': 'purpose',
        'Instances': 'instances',
        'Status': 'last_execution_status',
        'Created': 'created_at',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('--limit', type=int, default=100)
        parser.add_argument('--marker', help='the last id seen')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.deployments.list(
            limit=given.limit, marker=given.marker
        )
        return [{**d, 'instances': ', '.join(d['instances'])} for d in found]


class Show(ShowOne):
    """Show a deployment with its machines and tasks."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('deployment', help='id of the deployment')

    def thing(self, given: argparse.Namespace) -> Json:
        found = self.client.deployments.get(given.deployment)
        return found if given.formatter == 'json' else brief(found)


class Cancel(Command):
    """Stop a deployment; what it made is removed."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('deployment', help='id of the deployment')
        parser.add_argument('--force', action='store_true')

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.deployments.cancel(
            parsed_args.deployment, parsed_args.force
        )


class Delete(Command):
    """Delete a deployment; a test's machines are torn down."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('deployment', nargs='+')

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for id in parsed_args.deployment:
            self.client.deployments.delete(id)


COMMANDS = {
    'deployment create': Create,
    'deployment list': List,
    'deployment show': Show,
    'deployment cancel': Cancel,
    'deployment delete': Delete,
}
