# SPDX-License-Identifier: Apache-2.0
"""Deployments: running machines from recovery points."""

from __future__ import annotations

import argparse
from typing import Any

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import arguments, names, plan
from coriolis_ng.client.cli.command import Command, Deleter, Pages, ShowOne
from coriolis_ng.client.cli.run import Followers, waiting


class OfDeployments(Followers):
    """What commands about deployments share; migrations say it so too."""

    noun = 'deployment'

    @property
    def many(self) -> Any:
        """The collection."""
        return self.client.deployments

    def id(self, said: str) -> str:
        """The id of the one that is meant."""
        return names.deployment(self.many, said, self.program)

    def followed(self, id: str) -> Json:
        """The deployment when it has ended, and well."""
        found: Json = self.follow(
            lambda: self.many.get(id), self.noun, f'{self.noun} {{}} {id}', ''
        )
        return found


class _One(OfDeployments):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            'deployment', metavar=self.noun, help='id, or its beginning'
        )


class _New(OfDeployments):
    """What a deployment is made with."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        _new(parser)

    def fields(self, given: argparse.Namespace) -> Json:
        """As the API takes them."""
        transfer = names.transfer(
            self.client.transfers, given.transfer, self.program
        )
        return {
            'transfer_id': transfer,
            'purpose': given.purpose,
            'recovery_points': arguments.pairs(given.recovery_point),
            'set_dhcp': given.set_dhcp,
            **said(given),
        }


class Create(_New, ShowOne):
    """Deploy the machines of a transfer from their recovery points."""

    examples = """
  {} deployment create TRANSFER --test --wait
  {} deployment create TRANSFER --recovery-point web1=POINT
  {} deployment create TRANSFER --no-set-dhcp
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        waiting(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        made = self.many.create(**self.fields(given))
        if given.wait:
            return self.followed(made['id'])
        self.say(
            f'It runs. To follow it: {self.program} deployment watch '
            f'{made["id"]}'
        )
        return made


def _new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('transfer', help='id, notes, or one of its machines')
    purpose = parser.add_mutually_exclusive_group()
    for name, text in (
        ('test', 'isolated, and torn down when it is deleted'),
        ('failover', 'the machines run on there (the default)'),
        ('final', 'the last one: the machines have moved'),
    ):
        purpose.add_argument(
            f'--{name}',
            action='store_const',
            const=name,
            dest='purpose',
            help=text,
        )
    parser.add_argument(
        '--recovery-point',
        action='append',
        default=[],
        metavar='NAME=ID',
        help='instead of the newest point of that machine',
    )
    parser.add_argument(
        '--set-dhcp',
        action=argparse.BooleanOptionalAction,
        help='whether the guests ask for their addresses there; without it '
        'the network at the destination decides',
    )
    settings(parser)


class Plan(_New, plan.Disks):
    """Tell what a deployment would do; nothing is made."""

    examples = """
  {} deployment plan TRANSFER --test
"""

    def told(self, given: argparse.Namespace) -> Any:
        return self.many.plan(**self.fields(given))


def settings(parser: argparse.ArgumentParser) -> None:
    """How machines are made, whatever it is called."""
    parser.add_argument(
        '--force',
        action='store_true',
        default=None,
        help='even if the last execution failed',
    )
    parser.add_argument(
        '--dont-clone-disks',
        action='store_false',
        default=None,
        dest='clone_disks',
        help='give the replicated disks away: the next execution is a full '
        'one',
    )
    parser.add_argument(
        '--skip-os-morphing',
        action='store_true',
        default=None,
        help='do not adapt the guests to the destination',
    )
    arguments.morphing_pools(parser)
    arguments.scripts(parser)


def said(given: argparse.Namespace) -> Json:
    """The fields of ``settings``."""
    return {
        'force': given.force,
        'clone_disks': given.clone_disks,
        'skip_os_morphing': given.skip_os_morphing,
        'instance_osmorphing_minion_pool_mappings': (
            arguments.pool_mappings(given)
        ),
        'user_scripts': arguments.user_scripts(given),
    }


class List(OfDeployments, Pages):
    """List deployments, the newest first."""

    columns = {
        'ID': 'id',
        'Transfer ID': 'transfer_id',
        'Purpose': 'purpose',
        'Instances': 'instances',
        'Status': 'last_execution_status',
        'Created': 'created_at',
    }
    examples = """
  {} deployment list --transfer web1 --status ERROR
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--transfer', help='only those of this one: id, notes or machine'
        )
        arguments.status(
            parser, 'only those whose last execution is so', 'UNEXECUTED'
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        transfer = given.transfer and names.transfer(
            self.client.transfers, given.transfer, self.program
        )
        return self.page(
            self.many, given, transfer_id=transfer, status=given.status
        )


class Show(_One, ShowOne):
    """Show a deployment with its machines and tasks."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--show-instances-data',
            action='store_true',
            help='also what is known about each machine and its volumes',
        )

    def thing(self, given: argparse.Namespace) -> Json:
        data = 'true' if given.show_instances_data else None
        found: Json = self.many.get(
            self.id(given.deployment), include_task_info=data
        )
        return found


class Watch(_One, ShowOne):
    """Follow a deployment to its end; exit code 1 when it failed."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.followed(self.id(given.deployment))


class Cancel(_One, Command):
    """Stop a deployment; what it made is removed."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--force', action='store_true', help='kill what does not stop'
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.many.cancel(self.id(parsed_args.deployment), parsed_args.force)


class Delete(OfDeployments, Deleter):
    """Delete deployments; the machines of a test are torn down."""

    what = 'id, or its beginning'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        self.many.delete(self.id(said))


COMMANDS = {
    'deployment create': Create,
    'deployment plan': Plan,
    'deployment list': List,
    'deployment show': Show,
    'deployment watch': Watch,
    'deployment cancel': Cancel,
    'deployment delete': Delete,
}
