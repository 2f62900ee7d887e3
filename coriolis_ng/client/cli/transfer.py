# SPDX-License-Identifier: Apache-2.0
"""Transfers: what is kept in sync, and how to bring it up to date."""

from __future__ import annotations

import argparse
import pathlib

from coriolis_ng.client import ApiError
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import (
    Command,
    Lister,
    ShowOne,
    endpoint_id,
    json_argument,
)
from coriolis_ng.client.cli.execution import brief, followed


def scripts(parser: argparse.ArgumentParser) -> None:
    """The options for user scripts."""
    parser.add_argument(
        '--user-script-global',
        action='append',
        default=[],
        metavar='OS=FILE',
        help='a script for every machine of that system (linux=FILE)',
    )
    parser.add_argument(
        '--user-script-instance',
        action='append',
        default=[],
        metavar='NAME=FILE',
        help='a script for one machine',
    )


def user_scripts(given: argparse.Namespace) -> Json | None:
    """``{'global': ..., 'instances': ...}``, None for none."""
    found = {
        'global': dict(map(_script, given.user_script_global)),
        'instances': dict(map(_script, given.user_script_instance)),
    }
    return found if any(found.values()) else None


def _script(text: str) -> tuple[str, str]:
    name, _, path = text.rpartition('=')
    try:
        return name, pathlib.Path(path).read_text()
    except OSError as error:
        raise ApiError(f'{path}: {error.strerror}', status=0) from None


class Create(ShowOne):
    """Create a transfer; nothing is copied before it is executed."""

    examples = """
  coriolis transfer create --origin-endpoint here \\
      --destination-endpoint there --instance web1 \\
      --network-map '{"lan": "blue"}'
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('--origin-endpoint', required=True)
        parser.add_argument('--destination-endpoint', required=True)
        parser.add_argument(
            '--instance',
            action='append',
            required=True,
            dest='instances',
            help='a machine; may be given many times',
        )
        parser.add_argument(
            '--scenario',
            choices=('replica', 'live_migration'),
            default='replica',
        )
        for name in ('source-environment', 'destination-environment'):
            parser.add_argument(
                f'--{name}', type=json_argument, metavar='JSON|@FILE'
            )
        parser.add_argument(
            '--network-map',
            type=json_argument,
            metavar='JSON|@FILE',
            help='{"network at the source": "network there", ...}',
        )
        parser.add_argument(
            '--storage-mappings', type=json_argument, metavar='JSON|@FILE'
        )
        parser.add_argument('--notes')
        parser.add_argument(
            '--keep-points', type=int, help='how many recovery points'
        )
        parser.add_argument(
            '--skip-os-morphing', action='store_true', default=None
        )
        scripts(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.transfers.create(
            origin_endpoint_id=endpoint_id(self.client, given.origin_endpoint),
            destination_endpoint_id=endpoint_id(
                self.client, given.destination_endpoint
            ),
            instances=given.instances,
            scenario=given.scenario,
            source_environment=given.source_environment,
            destination_environment=given.destination_environment,
            network_map=given.network_map,
            storage_mappings=given.storage_mappings,
            notes=given.notes,
            keep_points=given.keep_points,
            skip_os_morphing=given.skip_os_morphing,
            user_scripts=user_scripts(given),
        )


class List(Lister):
    """List transfers, the newest first."""

    columns = {
        'ID': 'id',
        'Scenario': 'scenario',
        'Instances': 'instances',
        'Notes': 'notes',
        'Last status': 'last_execution_status',
        'Created': 'created_at',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('--limit', type=int, default=100)
        parser.add_argument('--marker', help='the last id seen')
        parser.add_argument('--status')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.transfers.list(
            limit=given.limit, marker=given.marker, status=given.status
        )
        return [{**t, 'instances': ', '.join(t['instances'])} for t in found]


class _OfOne(ShowOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')


class Show(_OfOne):
    """Show a transfer."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.transfers.get(given.transfer)


class Update(_OfOne):
    """Change a transfer; maps and environments are merged."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        for name in (
            'source-environment',
            'destination-environment',
            'network-map',
            'storage-mappings',
        ):
            parser.add_argument(
                f'--{name}', type=json_argument, metavar='JSON|@FILE'
            )
        parser.add_argument('--notes')
        parser.add_argument('--keep-points', type=int)

    def thing(self, given: argparse.Namespace) -> Json:
        self.client.transfers.update(
            given.transfer,
            source_environment=given.source_environment,
            destination_environment=given.destination_environment,
            network_map=given.network_map,
            storage_mappings=given.storage_mappings,
            notes=given.notes,
            keep_points=given.keep_points,
        )
        return self.client.transfers.get(given.transfer)


class Delete(Command):
    """Delete a transfer; its disks must be gone, or --with-disks."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', nargs='+')
        parser.add_argument(
            '--with-disks',
            action='store_true',
            help='delete recovery points and volumes first, and wait for it',
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for id in parsed_args.transfer:
            if parsed_args.with_disks:
                run = self.client.transfers.delete_disks(id)
                followed(self.client, id, run)
            self.client.transfers.delete(id)


class Execute(_OfOne):
    """Bring the replicas up to date: a delta where that is possible."""

    examples = """
  coriolis transfer execute TRANSFER --wait
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument(
            '--wait', action='store_true', help='show it until it ended'
        )
        parser.add_argument(
            '--shutdown-instances',
            action='store_true',
            default=None,
            help='switch the machines off before the copy',
        )
        parser.add_argument(
            '--auto-deploy',
            action='store_true',
            default=None,
            help='deploy when it went well',
        )
        parser.add_argument(
            '--checksum',
            action='store_true',
            default=None,
            help='compare whole disks at both ends afterwards',
        )

    def thing(self, given: argparse.Namespace) -> Json:
        run = self.client.executions.of(given.transfer).create(
            shutdown_instances=given.shutdown_instances,
            auto_deploy=given.auto_deploy,
            checksum=given.checksum,
        )
        if given.wait:
            run = followed(self.client, given.transfer, run)
        return run if given.formatter == 'json' else brief(run)


class DeleteDisks(_OfOne):
    """Delete what a transfer keeps: points, volumes, checkpoints."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('--wait', action='store_true')

    def thing(self, given: argparse.Namespace) -> Json:
        run = self.client.transfers.delete_disks(given.transfer)
        if given.wait:
            run = followed(self.client, given.transfer, run)
        return run if given.formatter == 'json' else brief(run)


class Preflight(Lister):
    """Look for what could go wrong, before anything is made."""

    columns = {
        'Severity': 'severity',
        'Instance': 'instance',
        'What': 'meaning',
        'What to do': 'remedy',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found: list[Json] = self.client.transfers.preflight(given.transfer)[
            'findings'
        ]
        if not found:
            self.app.stderr.write('Nothing speaks against it.\n')
        return found


COMMANDS = {
    'transfer create': Create,
    'transfer list': List,
    'transfer show': Show,
    'transfer update': Update,
    'transfer delete': Delete,
    'transfer execute': Execute,
    'transfer preflight': Preflight,
    'transfer disks delete': DeleteDisks,
}
