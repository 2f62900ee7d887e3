# SPDX-License-Identifier: Apache-2.0
"""``openstack migration ...``: what python-openstackclient asks a plugin.

The commands are those of ``coriolis``; setup.cfg lists them as entry points.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from coriolis_ng.client.client import Client

API_NAME = 'migration'
API_VERSION_OPTION = 'os_migration_api_version'
API_VERSIONS = {'1': 'coriolis_ng.client.client.Client'}
DEFAULT_API_VERSION = '1'


def make_client(instance: Any) -> Client:
    """A client as whom ``openstack`` has logged in; ``instance`` is its
    ClientManager."""
    options = instance._cli_options.config
    return Client(
        instance.session,
        endpoint_override=options.get('migration_endpoint') or None,
        interface=instance.interface or 'public',
        region_name=instance.region_name or None,
    )


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """The global options of ours."""
    parser.add_argument(
        '--os-migration-api-version',
        metavar='VERSION',
        default=os.environ.get('OS_MIGRATION_API_VERSION')
        or DEFAULT_API_VERSION,
        choices=sorted(API_VERSIONS),
        help='version of the migration API '
        '(Env: OS_MIGRATION_API_VERSION, default: 1)',
    )
    parser.add_argument(
        '--migration-endpoint',
        metavar='URL',
        default=os.environ.get('CORIOLIS_ENDPOINT'),
        help='http://HOST:7667/v1/PROJECT, instead of the catalog '
        '(Env: CORIOLIS_ENDPOINT)',
    )
    return parser
