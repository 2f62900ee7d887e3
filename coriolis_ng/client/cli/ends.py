# SPDX-License-Identifier: Apache-2.0
"""Both ends of a replica or migration: endpoints, or clouds given inline."""

from __future__ import annotations

import argparse

from coriolis_ng.client import ApiError, Client
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import arguments, names

ENDS = ('origin', 'destination')


def options(parser: argparse.ArgumentParser) -> None:
    """The options of the first public client and of its successors."""
    for end in ENDS:
        group = parser.add_argument_group(end)
        group.add_argument(
            f'--{end}-endpoint', metavar='ENDPOINT', help='name or id'
        )
        group.add_argument(
            f'--{end}-provider',
            metavar='PROVIDER',
            help='instead of an endpoint; see: provider list',
        )
        one = group.add_mutually_exclusive_group()
        one.add_argument(
            f'--{end}-connection',
            type=arguments.json_argument,
            metavar=arguments.JSON,
            help='access to that cloud; others on this machine can see it, '
            'so give a password by @FILE or @- (standard input)',
        )
        one.add_argument(
            f'--{end}-connection-secret',
            metavar='URL',
            help='a Barbican secret that holds it',
        )
    arguments.json_options(
        parser, 'target-environment', 'the same as --destination-environment'
    )
    parser.add_argument(
        '--instance',
        action='append',
        required=True,
        dest='instances',
        help='a machine; may be given many times',
    )
    arguments.environments(parser)
    arguments.storage(parser)
    arguments.pools(parser)
    arguments.scripts(parser)
    parser.add_argument('--notes', help='free text')


def said(client: Client, given: argparse.Namespace, program: str) -> Json:
    """The fields of a new replica or migration."""
    if given.target_environment is not None:
        if given.destination_environment is not None:
            raise ApiError(
                '--target-environment and --destination-environment are the '
                'same; give one of them.'
            )
        given.destination_environment = given.target_environment
    found: Json = {
        'instances': given.instances,
        'source_environment': given.source_environment,
        'destination_environment': given.destination_environment,
        'network_map': given.network_map,
        'storage_mappings': arguments.storage_mappings(given),
        'origin_minion_pool_id': given.origin_minion_pool_id,
        'destination_minion_pool_id': given.destination_minion_pool_id,
        'instance_osmorphing_minion_pool_mappings': (
            arguments.pool_mappings(given)
        ),
        'user_scripts': arguments.user_scripts(given),
        'notes': given.notes,
    }
    for end in ENDS:
        found.update(_end(client, given, end, program))
    return found


def _end(
    client: Client, given: argparse.Namespace, end: str, program: str
) -> Json:
    endpoint, provider, info, secret = (
        getattr(given, f'{end}_{name}')
        for name in ('endpoint', 'provider', 'connection', 'connection_secret')
    )
    if bool(endpoint) == bool(provider):
        raise ApiError(
            f'Say either --{end}-endpoint or --{end}-provider.',
            code='no_end',
        )
    if endpoint:
        if info or secret:
            raise ApiError(
                f'--{end}-connection goes with --{end}-provider; an endpoint '
                'has its own.'
            )
        id = names.endpoint(client, endpoint, program)
        return {f'{end}_endpoint_id': id}
    inline: Json = {'type': provider}
    if secret:
        info = {'secret_ref': secret}
    if info is not None:
        inline['connection_info'] = info
    return {end: inline}
