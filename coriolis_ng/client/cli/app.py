# SPDX-License-Identifier: Apache-2.0
"""``coriolis``: every noun of the REST API on the command line.

Who you are comes from Keystone's usual options and ``OS_*`` variables, or,
for an all-in-one, from ``--endpoint`` and ``--token-file``.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence

from cliff.app import App
from cliff.command import Command
from cliff.commandmanager import CommandManager
from keystoneauth1 import loading, session, token_endpoint

from coriolis_ng.client import ApiError, Client
from coriolis_ng.client.cli import (
    deployment,
    endpoint,
    execution,
    provider,
    recovery_point,
    service,
    transfer,
)

NOUNS = (
    deployment,
    endpoint,
    execution,
    provider,
    recovery_point,
    service,
    transfer,
)


class Commands(CommandManager):
    """The commands of all nouns; no entry points are searched."""

    def load_commands(self, namespace: str) -> None:
        for noun in NOUNS:
            for name, kind in noun.COMMANDS.items():
                self.add_command(name, kind)


class Shell(App):
    def __init__(self) -> None:
        super().__init__(
            description=__doc__,
            version='1',
            command_manager=Commands('coriolis.cli'),
            deferred_help=True,
        )
        self._client: Client | None = None

    def build_option_parser(
        self, description: str, version: str, argparse_kwargs: None = None
    ) -> argparse.ArgumentParser:
        parser = super().build_option_parser(description, version)
        parser.add_argument(
            '--endpoint',
            metavar='URL',
            default=os.environ.get('CORIOLIS_ENDPOINT'),
            help='http://HOST:7667/v1/PROJECT, instead of the catalog '
            '(CORIOLIS_ENDPOINT)',
        )
        parser.add_argument(
            '--token-file',
            metavar='FILE',
            default=os.environ.get('CORIOLIS_TOKEN_FILE'),
            help='a file with a token, instead of Keystone '
            '(CORIOLIS_TOKEN_FILE)',
        )
        parser.add_argument(
            '--interface',
            default=os.environ.get('OS_INTERFACE', 'public'),
            help='which URL of the catalog: public, internal or admin',
        )
        parser.add_argument(
            '--region',
            default=os.environ.get('OS_REGION_NAME'),
            help='which region of the catalog',
        )
        loading.register_session_argparse_arguments(parser)
        loading.register_auth_argparse_arguments(
            parser, sys.argv[1:], default='password'
        )
        return parser

    @property
    def client(self) -> Client:
        """Made when it is first needed: ``help`` needs none."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> Client:
        given = self.options
        if given.token_file:
            if not given.endpoint:
                raise ApiError(
                    '--token-file wants --endpoint as well.', status=0
                )
            token = pathlib.Path(given.token_file).read_text().strip()
            plugin = token_endpoint.Token(given.endpoint, token)
            return Client(
                session.Session(auth=plugin), endpoint_override=given.endpoint
            )
        plugin = loading.load_auth_from_argparse_arguments(given)
        if not getattr(given, 'os_auth_url', None):
            raise ApiError(
                'Say who you are: --os-auth-url and its friends (OS_AUTH_URL,'
                ' ...) for Keystone, or --endpoint and --token-file for an '
                'all-in-one.',
                status=0,
            )
        made = loading.load_session_from_argparse_arguments(given, auth=plugin)
        return Client(
            made,
            endpoint_override=given.endpoint,
            interface=given.interface,
            region_name=given.region,
        )

    def run_subcommand(self, argv: list[str]) -> int:
        """An API's refusal is one clear line, not a traceback."""
        try:
            return int(super().run_subcommand(argv) or 0)
        except ApiError as error:
            where = f' [{error.field}]' if error.field else ''
            self.stderr.write(f'{error}{where}\n')
            return 1

    def clean_up(
        self, cmd: Command, result: int, err: BaseException | None
    ) -> None:
        """Nothing is kept open."""


def main(argv: Sequence[str] | None = None) -> int:
    """0 for success, 1 when the service refused, 2 for wrong usage."""
    return int(Shell().run(list(sys.argv[1:] if argv is None else argv)))


if __name__ == '__main__':
    sys.exit(main())
