# SPDX-License-Identifier: Apache-2.0
"""Transfers: what is kept in sync, from where to where."""

from __future__ import annotations

import argparse
from typing import Any

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import arguments, bandwidth, names, plan
from coriolis_ng.client.cli.command import (
    Deleter,
    Lister,
    Pages,
    ShowOne,
)
from coriolis_ng.client.cli.run import Runs, waiting


class OfTransfers(Runs):
    """What commands about transfers share; replicas say it otherwise."""

    @property
    def many(self) -> Any:
        """The collection."""
        return self.client.transfers

    def executions(self, transfer_id: str) -> Any:
        """The executions of one."""
        return self.client.executions.of(transfer_id)

    def id(self, said: str) -> str:
        """The id of the one that is meant."""
        return names.transfer(self.many, said, self.program)


class _One(OfTransfers, ShowOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'transfer', help='id, notes, or one of its machines'
        )


class Create(OfTransfers, ShowOne):
    """Create a transfer; nothing is copied before it is executed."""

    examples = """
  {} transfer create --origin-endpoint here \\
      --destination-endpoint there --instance web1 --instance db1 \\
      --network-map '{"lan": "blue"}' --notes "the shop"
  {} transfer create --scenario live_migration ... --instance web1
  {} transfer create ... --instance web1 --keep-points 3 --keep-daily 7
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        for end in ('origin', 'destination'):
            parser.add_argument(
                f'--{end}-endpoint',
                required=True,
                metavar='ENDPOINT',
                help='name or id',
            )
        parser.add_argument(
            '--instance',
            action='append',
            required=True,
            dest='instances',
            help='a machine, see: endpoint instance list; may be given many '
            'times',
        )
        parser.add_argument(
            '--scenario',
            choices=('replica', 'live_migration'),
            default='replica',
            help='replica keeps recovery points and is deployed when you '
            'like; live_migration moves the machines once',
        )
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        def endpoint(said: str) -> str:
            return names.endpoint(self.client, said, self.program)

        made: Json = self.many.create(
            origin_endpoint_id=endpoint(given.origin_endpoint),
            destination_endpoint_id=endpoint(given.destination_endpoint),
            instances=given.instances,
            scenario=given.scenario,
            **_said(given),
        )
        return made


def _settings(parser: argparse.ArgumentParser) -> None:
    """What can be changed later as well."""
    arguments.environments(parser)
    arguments.storage(parser)
    parser.add_argument('--notes', help='free text, also good as a name')
    parser.add_argument(
        '--keep-points',
        type=int,
        metavar='N',
        help='how many recovery points are kept for each machine',
    )
    for name, text in (
        ('hourly', 'hours'),
        ('daily', 'days'),
        ('weekly', 'weeks'),
    ):
        parser.add_argument(
            f'--keep-{name}',
            type=int,
            metavar='N',
            help=f'besides these, the newest point of each of the last N '
            f'{text} that have one',
        )
    for name, text in (
        (
            'clone-disks',
            'deploy copies of the replicated disks, so that the next '
            'execution is a delta (the default)',
        ),
        (
            'skip-os-morphing',
            'do not adapt the guests to the destination',
        ),
    ):
        parser.add_argument(
            f'--{name}', action=argparse.BooleanOptionalAction, help=text
        )
    parser.add_argument(
        '--execution-retries',
        type=int,
        metavar='N',
        help='how often an execution that failed is followed by itself by '
        'another one, which goes on with its work',
    )
    bandwidth.options(parser, 'all its copies')
    arguments.pools(parser)
    arguments.scripts(parser)


def _said(given: argparse.Namespace) -> Json:
    return {
        'source_environment': given.source_environment,
        'destination_environment': given.destination_environment,
        'network_map': given.network_map,
        'storage_mappings': arguments.storage_mappings(given),
        'notes': given.notes,
        'keep_points': given.keep_points,
        'keep_hourly': given.keep_hourly,
        'keep_daily': given.keep_daily,
        'keep_weekly': given.keep_weekly,
        'clone_disks': given.clone_disks,
        'skip_os_morphing': given.skip_os_morphing,
        'execution_retries': given.execution_retries,
        'bandwidth_limit': bandwidth.said(given),
        'origin_minion_pool_id': given.origin_minion_pool_id,
        'destination_minion_pool_id': given.destination_minion_pool_id,
        'instance_osmorphing_minion_pool_mappings': (
            arguments.pool_mappings(given)
        ),
        'user_scripts': arguments.user_scripts(given),
    }


class List(OfTransfers, Pages):
    """List transfers, the newest first."""

    columns = {
        'ID': 'id',
        'Scenario': 'scenario',
        'Instances': 'instances',
        'Notes': 'notes',
        'Last Execution Status': 'last_execution_status',
        'Created': 'created_at',
    }
    examples = """
  {} transfer list --status ERROR
  {} transfer list --all -f json
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        arguments.status(
            parser, 'only those whose last execution is so', 'UNEXECUTED'
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.page(self.many, given, status=given.status)


class Show(_One):
    """Show a transfer."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--show-instances-data',
            action='store_true',
            help='also what is known about each machine and its volumes',
        )

    def thing(self, given: argparse.Namespace) -> Json:
        id = self.id(given.transfer)
        data = 'true' if given.show_instances_data else None
        found: Json = self.many.get(id, include_task_info=data)
        return {k: v for k, v in found.items() if k != 'executions'}


class Update(_One):
    """Change a transfer; maps and environments are merged."""

    examples = """
  {} transfer update web1 --network-map '{"dmz": "red"}' --keep-points 14
  {} transfer update web1 --keep-hourly 24 --keep-daily 7 --keep-weekly 4
  {} transfer update web1 --no-clone-disks --skip-os-morphing
  {} transfer update web1 --execution-retries 3
  {} transfer update web1 --bandwidth-limit 50
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        _settings(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        changed: Json = self.many.update(
            self.id(given.transfer), **_said(given)
        )
        return changed


class Delete(OfTransfers, Deleter):
    """Delete transfers that keep nothing on the destination any more."""

    noun = 'transfer'
    what = 'id, notes, or one of its machines'

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--with-disks',
            action='store_true',
            help='delete recovery points and volumes first, and wait for it',
        )

    def delete(self, said: str, given: argparse.Namespace) -> None:
        id = self.id(said)
        if given.with_disks:
            self.followed(id, self.many.delete_disks(id))
        self.many.delete(id)


class Execute(_One):
    """Bring the replicas up to date: a delta where that is possible."""

    examples = """
  {} transfer execute TRANSFER --wait
  {} transfer execute TRANSFER --shutdown-instances --auto-deploy
  {} transfer execute TRANSFER --retry-of last --wait
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        waiting(parser)
        _spec(parser)
        parser.add_argument(
            '--retry-of',
            metavar='EXECUTION',
            help='go on with the work of a failed one: id, number or "last"',
        )

    def thing(self, given: argparse.Namespace) -> Json:
        id = self.id(given.transfer)
        runs = self.executions(id)
        retry = given.retry_of and names.execution(runs, given.retry_of)
        run = runs.create(**_said_of_run(given), retry_of=retry)
        return self.started(id, run, given.wait)


def _spec(parser: argparse.ArgumentParser) -> None:
    for name, text in (
        ('shutdown-instances', 'switch the machines off before the copy'),
        ('auto-deploy', 'deploy when it went well'),
    ):
        parser.add_argument(
            f'--{name}',
            action=argparse.BooleanOptionalAction,
            help=f'{text} (a live migration does so if nothing is said)',
        )
    parser.add_argument(
        '--checksum',
        action='store_true',
        default=None,
        help='compare whole disks at both ends afterwards',
    )


def _said_of_run(given: argparse.Namespace) -> Json:
    names_ = ('shutdown_instances', 'auto_deploy', 'checksum')
    return {name: getattr(given, name) for name in names_}


class Plan(OfTransfers, plan.Disks):
    """Tell what an execution would do, and how many bytes travel."""

    examples = """
  {} transfer plan TRANSFER
  {} transfer plan TRANSFER --tasks
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'transfer', help='id, notes, or one of its machines'
        )
        _spec(parser)
        super().arguments(parser)

    def told(self, given: argparse.Namespace) -> Any:
        return self.many.plan(self.id(given.transfer), **_said_of_run(given))


class DeleteDisks(_One):
    """Delete what a transfer keeps: points, volumes, checkpoints."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        waiting(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        id = self.id(given.transfer)
        return self.started(id, self.many.delete_disks(id), given.wait)


class Preflight(OfTransfers, Lister):
    """Look for what would fail; exit code 1 when something would."""

    columns = {
        'Severity': 'severity',
        'Instance': 'instance',
        'What': 'meaning',
        'What to do': 'remedy',
    }
    examples = """
  {} transfer preflight TRANSFER && {} transfer execute TRANSFER
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'transfer', help='id, notes, or one of its machines'
        )

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.many.preflight(self.id(given.transfer))
        if not found.findings:
            self.say('Nothing speaks against it.')
        self._passed = found.passed
        rows: list[Json] = found.findings
        return rows

    def run(self, parsed_args: argparse.Namespace) -> int:
        done = super().run(parsed_args)
        return done if self._passed else 1


COMMANDS = {
    'transfer create': Create,
    'transfer list': List,
    'transfer show': Show,
    'transfer update': Update,
    'transfer delete': Delete,
    'transfer execute': Execute,
    'transfer plan': Plan,
    'transfer preflight': Preflight,
    'transfer disks delete': DeleteDisks,
}
