# SPDX-License-Identifier: Apache-2.0
"""``coriolis``: every noun of the REST API on the command line.

Who you are comes from ``--os-cloud`` and ``clouds.yaml``, from Keystone's
usual options and ``OS_*`` variables, or, for an all-in-one, from
``--endpoint`` and ``--token-file``.
"""

from __future__ import annotations

import argparse
import getpass
import itertools
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from cliff.app import App
from cliff.commandmanager import CommandManager
from keystoneauth1 import exceptions, loading, session

from coriolis_ng.client import ApiError, Client, LocalToken
from coriolis_ng.client.cli import nouns
from coriolis_ng.client.cli.command import Refused

# Commands with an ``--endpoint`` of their own, and what stands before it
# until the global parser has done its part.
_OWNERS = ('minion pool create ', 'stray list ')
_OWN = '\0'


class Commands(CommandManager):
    """The commands of all nouns; no entry points are searched."""

    def load_commands(self, namespace: str) -> None:
        """All of them."""
        for name, kind in nouns.commands().items():
            self.add_command(name, kind)


class Clients:
    """Where commands find their client, as under ``openstack``; it is made
    when it is first needed: ``help`` needs none."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._client: Client | None = None

    @property
    def migration(self) -> Client:
        """The client."""
        if self._client is None:
            self._client = _connect(self._given)
        return self._client


class Shell(App):
    """The application of cliff."""

    is_coriolis = True

    def __init__(self) -> None:
        super().__init__(
            description=__doc__,
            version='1',
            command_manager=Commands('coriolis.cli'),
            deferred_help=True,
        )
        self.client_manager: Clients

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, Any] | None = None,
    ) -> argparse.ArgumentParser:
        """The options that stand before the noun."""
        parser = super().build_option_parser(description, version)
        for name, variable, metavar, text in (
            (
                'endpoint',
                'CORIOLIS_ENDPOINT',
                'URL',
                'http://HOST:7667/v1/PROJECT, instead of the catalog',
            ),
            (
                'token-file',
                'CORIOLIS_TOKEN_FILE',
                'FILE',
                'a file with a token, instead of Keystone',
            ),
            (
                'os-cloud',
                'OS_CLOUD',
                'NAME',
                'a cloud of clouds.yaml, instead of --os-auth-url and so on',
            ),
            ('region', 'OS_REGION_NAME', 'NAME', 'region of the catalog'),
            (
                'interface',
                'OS_INTERFACE',
                'WORD',
                'which URL of the catalog: public, internal or admin',
            ),
        ):
            parser.add_argument(
                f'--{name}',
                metavar=metavar,
                default=os.environ.get(variable),
                help=f'{text} ({variable})',
            )
        loading.register_session_argparse_arguments(parser)
        loading.register_auth_argparse_arguments(
            parser, sys.argv[1:], default='password'
        )
        return parser

    def run(self, argv: list[str]) -> int:
        """Options that some commands have by the same name are theirs once
        the noun was said."""
        return int(super().run(_marked(argv)))

    def run_subcommand(self, argv: list[str]) -> int:
        """With the options as they were given. What follows a mistyped
        command is not repeated: it may have a password in it."""
        plain = [word.removeprefix(_OWN) for word in argv]
        try:
            self.command_manager.find_command(plain)
        except ValueError:
            words = itertools.takewhile(lambda w: not w.startswith('-'), plain)
            plain = [*words] or plain[:1]
        return int(super().run_subcommand(plain))

    def configure_logging(self) -> None:
        """Libraries speak only when they are asked to (-v)."""
        super().configure_logging()
        if self.options.verbose_level < 2:
            for name in ('keystoneauth', 'urllib3', 'stevedore'):
                logging.getLogger(name).setLevel(logging.ERROR)

    def initialize_app(self, argv: list[str]) -> None:
        """Options are known; nobody is asked yet."""
        self.client_manager = Clients(self.options)

    def interact(self) -> None:
        """Without a command it is help that is wanted, not a prompt."""
        self.parser.print_usage(self.stderr)
        self.stderr.write('Say what to do, or see: coriolis help\n')
        raise SystemExit(2)


def _marked(argv: Sequence[str]) -> list[str]:
    """The global parser takes its options wherever they stand, so it must
    not know ``--endpoint`` where that is the command's own."""
    text = [' '.join(argv[n:]) for n in range(len(argv))]
    began = [n for n, rest in enumerate(text) if rest.startswith(_OWNERS)]
    return [
        _OWN + word
        if began and n > began[0] and word.partition('=')[0] == '--endpoint'
        else word
        for n, word in enumerate(argv)
    ]


def _connect(given: argparse.Namespace) -> Client:
    if given.token_file:
        if not given.endpoint:
            raise ApiError('--token-file wants --endpoint as well.')
        plugin = LocalToken(given.endpoint, token_file=given.token_file)
        return Client(session.Session(auth=plugin))
    if given.os_cloud:
        return _connect_to_cloud(given)
    if given.os_auth_type == 'password' and not given.os_auth_url:
        raise ApiError(
            'Say who you are. With Keystone: --os-cloud (OS_CLOUD), or '
            '--os-auth-url and its friends (OS_AUTH_URL, ...). For an '
            'all-in-one: --endpoint and --token-file (CORIOLIS_ENDPOINT, '
            'CORIOLIS_TOKEN_FILE).'
        )
    _ask_password(given)
    try:
        auth = loading.load_auth_from_argparse_arguments(given)
        made = loading.load_session_from_argparse_arguments(given, auth=auth)
    except exceptions.ClientException as error:
        raise Refused(f'Who you are is not told well: {error}') from error
    return Client(
        made,
        endpoint_override=given.endpoint,
        interface=given.interface or 'public',
        region_name=given.region,
    )


def _connect_to_cloud(given: argparse.Namespace) -> Client:
    # Heavy, and only wanted for clouds.yaml.
    from openstack import config
    from openstack import exceptions as sdk

    try:
        cloud = config.OpenStackConfig().get_one(cloud=given.os_cloud)
        made = cloud.get_session()
    except (sdk.SDKException, exceptions.ClientException) as error:
        raise Refused(
            f'The cloud {given.os_cloud!r} of clouds.yaml cannot be used: '
            f'{error}'
        ) from error
    return Client(
        made,
        endpoint_override=given.endpoint,
        interface=given.interface or cloud.get_interface('migration'),
        region_name=given.region or cloud.get_region_name('migration'),
    )


def _ask_password(given: argparse.Namespace) -> None:
    """As ``openstack`` does; never where nobody could answer."""
    wanted = given.os_auth_type == 'password' and not given.os_password
    if not wanted:
        return
    if not sys.stdin.isatty():
        raise ApiError(
            'There is no password: set OS_PASSWORD, or run this on a '
            'terminal to be asked for it.',
            code='no_password',
        )
    given.os_password = getpass.getpass(f'Password of {given.os_username}: ')


def main(argv: Sequence[str] | None = None) -> int:
    """0 for success, 1 when it did not go well, 2 for wrong usage, 130
    after Ctrl-C."""
    return int(Shell().run(list(sys.argv[1:] if argv is None else argv)))


if __name__ == '__main__':
    sys.exit(main())
