# SPDX-License-Identifier: Apache-2.0
"""Endpoints: clouds with the access to them, and what is in them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from coriolis_ng.client import ApiError
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import (
    Command,
    Lister,
    ShowOne,
    endpoint_id,
    json_argument,
    size,
)


def _connection(parser: argparse.ArgumentParser, required: bool) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument(
        '--connection-file',
        metavar='FILE',
        help='JSON with the connection information; - for standard input',
    )
    group.add_argument(
        '--connection',
        type=json_argument,
        metavar='JSON',
        help='the same as an argument; others on this machine can see it '
        'while the command runs, so keep passwords out of it',
    )
    group.add_argument(
        '--connection-secret',
        metavar='URL',
        help='a Barbican secret that holds the JSON',
    )


def _connection_info(given: argparse.Namespace) -> Json | None:
    if given.connection_secret:
        return {'secret_ref': given.connection_secret}
    if given.connection_file:
        try:
            return json_argument(f'@{given.connection_file}')
        except argparse.ArgumentTypeError as error:
            raise ApiError(
                f'{given.connection_file}: {error}', status=0
            ) from None
    found: Json | None = given.connection
    return found


class Create(ShowOne):
    """Create an endpoint and check that its cloud lets us in."""

    examples = """
  coriolis endpoint create --name here --provider kvm \\
      --connection-file access.json
  pass show cloud | coriolis endpoint create --name there --provider kvm \\
      --connection-file -
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('--name', required=True)
        parser.add_argument(
            '--provider', required=True, help='see: coriolis provider list'
        )
        parser.add_argument('--description')
        parser.add_argument(
            '--skip-validation',
            action='store_true',
            help='do not try to connect',
        )
        _connection(parser, required=True)

    def thing(self, given: argparse.Namespace) -> Json:
        made = self.client.endpoints.create(
            name=given.name,
            type=given.provider,
            description=given.description,
            connection_info=_connection_info(given),
        )
        if not given.skip_validation:
            told = self.client.endpoints.validate(made['id'])
            if not told['valid']:
                raise ApiError(
                    f'The endpoint {made["id"]} was created, but its cloud '
                    f'does not let us in: {told["message"]}\nMend it with '
                    '"coriolis endpoint update", or delete it.',
                    status=0,
                )
        return made


class List(Lister):
    """List endpoints."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Provider': 'type',
        'Description': 'description',
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.client.endpoints.list()


class _OfOne(ShowOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('endpoint', help='name or id')

    def id(self, given: argparse.Namespace) -> str:
        return endpoint_id(self.client, given.endpoint)


class Show(_OfOne):
    """Show an endpoint; its access is masked."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.endpoints.get(self.id(given))


class Update(_OfOne):
    """Change an endpoint."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('--name')
        parser.add_argument('--description')
        _connection(parser, required=False)

    def thing(self, given: argparse.Namespace) -> Json:
        answer = self.client.endpoints.update(
            self.id(given),
            name=given.name,
            description=given.description,
            connection_info=_connection_info(given),
        )
        found: Json = answer['endpoint']
        return found


class Delete(Command):
    """Delete endpoints that no transfer uses."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('endpoint', nargs='+', help='name or id')

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for name in parsed_args.endpoint:
            self.client.endpoints.delete(endpoint_id(self.client, name))


class Validate(Command):
    """Try to connect; exit code 1 when the cloud refuses."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('endpoint', help='name or id')

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        id = endpoint_id(self.client, parsed_args.endpoint)
        told = self.client.endpoints.validate(id)
        if told['valid']:
            self.app.stdout.write('The connection works.\n')
            return 0
        sys.stderr.write(f'{told["message"]}\n')
        return 1


class _ListOf(Lister):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('endpoint', help='name or id')

    def id(self, given: argparse.Namespace) -> str:
        return endpoint_id(self.client, given.endpoint)


class Instances(_ListOf):
    """List the machines of an endpoint."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Memory MB': 'memory_mb',
        'Cores': 'num_cpu',
        'Firmware': 'firmware_type',
        'OS type': 'os_type',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('--name', help='a part of the name')
        parser.add_argument('--limit', type=int)
        parser.add_argument('--marker', help='the last name seen')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.client.endpoints.instances(
            self.id(given),
            name=given.name,
            limit=given.limit,
            marker=given.marker,
        )


class Instance(_OfOne):
    """Show a machine with its disks and network cards."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('instance', help='name or id in its cloud')

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.endpoints.instance(self.id(given), given.instance)


class Networks(_ListOf):
    """List the networks of an endpoint."""

    columns = {'ID': 'id', 'Name': 'name'}

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.client.endpoints.networks(self.id(given))


class Storage(_ListOf):
    """List the storage of an endpoint."""

    columns = {
        'ID': 'id',
        'Name': 'name',
        'Capacity': 'capacity',
        'Available': 'available',
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.endpoints.storage(self.id(given))
        return [_sizes(one) for one in found['storage_backends']]


def _sizes(one: Json) -> Json:
    more: Json = one.get('additional_provider_properties') or {}
    sizes: dict[str, Any] = {
        name: size(more.get(name) or more.get(f'{name}_bytes'))
        for name in ('capacity', 'available')
    }
    return {**one, **sizes}


class Options(_ListOf):
    """List what can be said in an environment, with the values."""

    columns = {
        'Name': 'name',
        'Values': 'values',
        'Default': 'config_default',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        super().arguments(parser)
        parser.add_argument('side', choices=('source', 'destination'))

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.client.endpoints.options(self.id(given), given.side)


COMMANDS = {
    'endpoint create': Create,
    'endpoint list': List,
    'endpoint show': Show,
    'endpoint update': Update,
    'endpoint delete': Delete,
    'endpoint validate connection': Validate,
    'endpoint instance list': Instances,
    'endpoint instance show': Instance,
    'endpoint network list': Networks,
    'endpoint storage list': Storage,
    'endpoint options list': Options,
}
