# SPDX-License-Identifier: Apache-2.0
"""Endpoints: clouds with the access to them."""

from __future__ import annotations

import argparse

from coriolis_ng.client import ApiError
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import bandwidth, connection, names
from coriolis_ng.client.cli.command import (
    Command,
    Deleter,
    Ours,
    Pages,
    ShowOne,
)


class OfOne(Ours):
    """A command about one endpoint."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('endpoint', help='name or id')

    def id(self, given: argparse.Namespace) -> str:
        """Its id."""
        return names.endpoint(self.client, given.endpoint, self.program)


def _regions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--coriolis-region',
        action='append',
        dest='regions',
        metavar='ID',
        help='only workers of this region are used; may be given many times',
    )


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--slots',
        type=int,
        metavar='N',
        help='how many tasks run on it at once (0: as the service is '
        'configured)',
    )
    bandwidth.options(parser, 'all copies from it and to it')


class Create(ShowOne):
    """Create an endpoint, unless its cloud does not let us in."""

    examples = """
  {} endpoint create --name here --provider kvm
  {} endpoint create --name here --provider kvm \\
      --connection-file access.json
  {} endpoint create --name later --provider kvm \\
      --connection-file access.json --skip-validation
  pass show cloud | {} endpoint create --name there --provider kvm \\
      --connection-file -
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('--name', required=True)
        parser.add_argument(
            '--provider', required=True, help='see: provider list'
        )
        parser.add_argument('--description')
        parser.add_argument(
            '--skip-validation',
            action='store_true',
            help='do not try to connect: create it also for a cloud that is '
            'down or does not let us in',
        )
        _regions(parser)
        _limits(parser)
        connection.options(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        access = connection.info(given)
        if access is None:
            access = connection.asked(self.client, given.provider)
        made = self.client.endpoints.create(
            name=given.name,
            type=given.provider,
            description=given.description,
            connection_info=access,
            mapped_regions=given.regions,
            slots=given.slots,
            bandwidth_limit=bandwidth.said(given),
        )
        if not given.skip_validation:
            self._validate(made['id'])
        return made

    def _validate(self, id: str) -> None:
        """What cannot be used is taken back: who tries again would have
        two of one name."""
        try:
            told = self.client.endpoints.validate(id)
        except ApiError:
            self._take_back(id)
            raise
        if not told.valid:
            self._take_back(id)
            raise ApiError(
                f'The cloud does not let us in: {told.message}\n'
                'No endpoint was created; --skip-validation creates it all '
                'the same.',
                code='invalid_connection',
            )

    def _take_back(self, id: str) -> None:
        try:
            self.client.endpoints.delete(id)
        except ApiError as error:
            self.say(
                f'The endpoint {id} was created and stays: {error}\n'
                f'  to delete it: {self.program} endpoint delete {id}'
            )


class List(Pages):
    """List endpoints."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Type': 'type',
        'Description': 'description',
    }

    examples = """
  {} endpoint list --all
"""

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.page(self.client.endpoints, given)


class Show(OfOne, ShowOne):
    """Show an endpoint; its access is masked."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.endpoints.get(self.id(given))


class Update(OfOne, ShowOne):
    """Change an endpoint."""

    examples = """
  {} endpoint update here --connection-prompt
  {} endpoint update here --name "the old cloud"
  {} endpoint update here --slots 4 --bandwidth-limit 100 \\
      --bandwidth-window mon-fri@08:00-18:00=20 \\
      --bandwidth-time-zone Europe/Bucharest
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('--name')
        parser.add_argument('--description')
        _regions(parser)
        _limits(parser)
        connection.options(parser)

    def thing(self, given: argparse.Namespace) -> Json:
        id = self.id(given)
        access = connection.info(given)
        if given.connection_prompt:
            kind = self.client.endpoints.get(id).type
            access = connection.asked(self.client, kind)
        return self.client.endpoints.update(
            id,
            name=given.name,
            description=given.description,
            connection_info=access,
            mapped_regions=given.regions,
            slots=given.slots,
            bandwidth_limit=bandwidth.said(given),
        )


class Delete(Deleter):
    """Delete endpoints that no transfer uses."""

    noun = 'endpoint'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        id = names.endpoint(self.client, said, self.program)
        self.client.endpoints.delete(id)


class Validate(OfOne, Command):
    """Try to connect; exit code 1 when the cloud refuses."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        told = self.client.endpoints.validate(self.id(parsed_args))
        if not told.valid:
            raise ApiError(
                f'The cloud does not let us in: {told.message}',
                code='invalid_connection',
            )
        self.app.stdout.write('The connection works.\n')
        return 0


COMMANDS = {
    'endpoint create': Create,
    'endpoint list': List,
    'endpoint show': Show,
    'endpoint update': Update,
    'endpoint delete': Delete,
    'endpoint validate connection': Validate,
}
